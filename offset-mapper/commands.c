/* The commands, and how they talk to the mapper. */
#include "offset-mapper/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "common/base/must.h"
#include "common/base/strs.h"
#include "common/base/xmem.h"
#include "common/net/http_client.h"
#include "offset-mapper/store_cli.h"

static int
run_store(const struct command_conf *conf, int argc, char **argv)
{
    (void)conf;
    return store_cli(argc, argv);
}

static const struct command commands[] = {
    {"verify", "FLOW", "compares answers to random positions with the records",
     "shunt-offset verify 'a->b' --samples 500", command_verify},
    {"backup", "DATA.DIR FOLDER", "a copy of a store, also while it is in use",
     "shunt-offset backup /var/lib/shunt/offset /backup/offset-monday",
     run_store},
    {"verify-store", "DATA.DIR", "reads all of a store, and says what is wrong",
     "shunt-offset verify-store /backup/offset-monday", run_store},
};
#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

const struct command *
command_find(const char *name)
{
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

void
command_help(void)
{
    for (size_t i = 0; i < N_COMMANDS; i++)
        printf("  %s %s\n      %s\n      e.g. %s\n", commands[i].name,
               commands[i].args, commands[i].summary, commands[i].example);
}

/* "0.0.0.0:7071" is where to listen, and no place to go to. */
static char *
url_of(const char *listen, const char *path)
{
    if (str_starts_with(listen, "0.0.0.0:"))
        return xasprintf("http://127.0.0.1:%s%s", listen + 8, path);
    if (str_starts_with(listen, "[::]:"))
        return xasprintf("http://[::1]:%s%s", listen + 5, path);
    return xasprintf("http://%s%s", listen, path);
}

static int
read_answer(const char *url, int status, const char *text,
            struct json_t **answer)
{
    struct err err = {0};
    struct json_t *j = NULL;
    if (js_parse(text, strlen(text), &j, &err) == 0 && status < 400) {
        *answer = j;
        return COMMAND_OK;
    }
    const char *words = js_str(js_any(js_any(j, "error"), "message"));
    (void)fprintf(stderr, "shunt-offset: %s answers %d: %s\n", url, status,
                  words ? words : err.text);
    js_free(j);
    return COMMAND_FAILED;
}

int
command_ask_take(const struct command_conf *conf, const char *method,
                 const char *path, struct json_t *body, int64_t timeout_ms,
                 struct json_t **answer)
{
    struct err err = {0};
    char *url = url_of(conf->listen, path);
    char *text = body ? must_have(js_dump(body)) : NULL;
    char *reply = NULL;
    int status = 0, code;
    *answer = NULL;
    if (http_fetch(method, url, text, timeout_ms, &status, &reply, &err)) {
        (void)fprintf(stderr,
                      "shunt-offset: %s; does the mapper run? --listen says "
                      "where\n",
                      err.text);
        code = COMMAND_UNREACHABLE;
    } else {
        code = read_answer(url, status, reply, answer);
    }
    free(reply);
    free(text);
    free(url);
    js_free(body);
    return code;
}
