/* shunt-offset verify FLOW: has the running mapper look at random positions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "common/base/must.h"
#include "common/proto/verification.h"
#include "offset-mapper/commands.h"

/* Samples under way when the time is over come to their ends. */
#define GRACE_MS 20000

static const char usage[] =
    "usage: shunt-offset verify FLOW [--samples N] [--timeout.ms MS] [--json]\n"
    "                           [--listen HOST:PORT]\n\n"
    "Has the mapper that listens there take random positions of the flow, and\n"
    "compares its answers with the records on both clusters. Exit code 0: all\n"
    "agrees; 1: an answer is wrong, or nothing could be compared; 3: no mapper\n"
    "answers.\n\n"
    "  shunt-offset verify 'a->b' --samples 500\n"
    "  shunt-offset verify 'a->b' --config /etc/shunt-offset.conf\n";

static int
print_answer(const struct command_conf *conf, const struct json_t *answer)
{
    struct po_verification v;
    struct err err;
    if (po_verification_read(answer, &v, &err)) {
        (void)fprintf(stderr, "shunt-offset: %s\n", err.text);
        return COMMAND_FAILED;
    }
    if (conf->json) {
        char *text = must_have(js_dump_pretty(answer));
        (void)puts(text);
        free(text);
    } else {
        (void)fputs(v.text, stdout);
    }
    const bool fine = v.looked_at > 0 && v.disagreements == 0;
    po_verification_fini(&v);
    return fine ? COMMAND_OK : COMMAND_FAILED;
}

int
command_verify(const struct command_conf *conf, int argc, char **argv)
{
    const bool help = argc == 2 && strcmp(argv[1], "--help") == 0;
    if (argc != 2 || help) {
        (void)fputs(usage, help ? stdout : stderr);
        return help ? COMMAND_OK : COMMAND_USAGE;
    }
    struct json_t *body = js_object(), *answer;
    must(js_put_str(body, "flow", argv[1]) |
         js_put_int(body, "samples", conf->samples) |
         js_put_int(body, "timeout_ms", conf->timeout_ms));
    int code = command_ask_take(conf, "POST", "/v1/verify", body,
                                conf->timeout_ms + GRACE_MS, &answer);
    if (code)
        return code;
    code = print_answer(conf, answer);
    js_free(answer);
    return code;
}
