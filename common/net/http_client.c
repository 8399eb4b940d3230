/*
 * HTTP client: the only file that includes libcurl.
 *
 * Thread: the one that calls http_client_poll(), except http_client_wakeup().
 * Invariants: every call stands in client->calls until it is finished; on_done
 * runs exactly once.  libcurl can be told of no new call and of no end of one
 * from inside its own callbacks (`in_perform`): a call that is started there
 * is added, and one that is cancelled there is freed, when libcurl returns.
 */
#include "common/net/http_client.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <utlist.h>

#include "common/base/clock.h"

#define ANSWER_MAX_BYTES_DEFAULT ((size_t)16 << 20)
#define ERROR_BODY_MAX_BYTES     ((size_t)64 << 10)

struct http_call {
    struct http_client *client;
    CURL *easy;
    struct curl_slist *headers;
    char *what;                 /* "POST http://..." */
    struct http_call_conf conf; /* without its strings: they are borrowed */
    struct buf body;
    struct sse sse;
    bool is_stream; /* wanted, and the head said 200 */
    bool added;     /* to libcurl */
    bool told;      /* on_done was called */
    int failure;    /* 0, or why our callback refused the bytes */
    int64_t started_ms;
    int64_t heard_ms; /* a stream's last byte */
    char why[CURL_ERROR_SIZE];
    struct http_call *prev, *next;
};

struct http_client {
    CURLM *multi;
    struct http_call *calls;
    bool in_perform; /* libcurl is on the stack */
    bool called_back;
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_ready;

static void
init_curl(void)
{
    curl_ready = curl_global_init(CURL_GLOBAL_DEFAULT);
}

int
http_client_new(struct http_client **out, struct err *err)
{
    (void)pthread_once(&curl_once, init_curl);
    if (curl_ready != CURLE_OK)
        return err_set(err, ERR_UNAVAILABLE, "cannot start libcurl: %s",
                       curl_easy_strerror(curl_ready));
    struct http_client *client = calloc(1, sizeof(*client));
    if (client)
        client->multi = curl_multi_init();
    if (!client || !client->multi) {
        free(client);
        return err_nomem(err);
    }
    *out = client;
    return 0;
}

static void
free_call(struct http_call *call)
{
    if (!call)
        return;
    if (call->easy)
        curl_easy_cleanup(call->easy);
    curl_slist_free_all(call->headers);
    buf_fini(&call->body);
    sse_fini(&call->sse);
    free(call->what);
    free(call);
}

/* Seconds from now; libcurl reads dates too. */
static int64_t
retry_after_ms(const struct http_call *call)
{
    curl_off_t seconds = 0;
    if (curl_easy_getinfo(call->easy, CURLINFO_RETRY_AFTER, &seconds) !=
            CURLE_OK ||
        seconds <= 0)
        return -1;
    return (int64_t)seconds * 1000;
}

static void
tell(struct http_call *call, int error, const char *why)
{
    long status = 0, sent_bytes = 0;
    char text[CURL_ERROR_SIZE + 512] = "";
    (void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &sent_bytes);
    if (error)
        (void)snprintf(text, sizeof(text), "%s: %s", call->what, why);
    const struct http_answer a = {
        .error = error,
        .unsent = error && sent_bytes == 0,
        .status = error ? 0 : (int)status,
        .retry_after_ms = error ? -1 : retry_after_ms(call),
        .body = call->body.len ? call->body.data : "",
        .len = call->body.len,
        .text = text,
    };
    call->told = true;
    call->client->called_back = true;
    if (call->conf.on_done)
        call->conf.on_done(&a, call->conf.arg);
}

/* The end of a call: unlinked first, then told, then freed. */
static void
finish(struct http_call *call, int error, const char *why)
{
    struct http_client *client = call->client;
    DL_DELETE(client->calls, call);
    if (call->added)
        (void)curl_multi_remove_handle(client->multi, call->easy);
    if (!call->told)
        tell(call, error, why);
    free_call(call);
}

void
http_client_free(struct http_client *client)
{
    if (!client)
        return;
    while (client->calls)
        finish(client->calls, ERR_CLOSED, "cancelled");
    (void)curl_multi_cleanup(client->multi);
    free(client);
}

static void
on_sse(const struct sse_event *e, void *arg)
{
    const struct http_call *call = arg;
    call->client->called_back = true;
    if (!call->told)
        call->conf.on_event(e, call->conf.arg);
}

static void
learn_kind(struct http_call *call)
{
    long status = 0;
    if (call->is_stream || !call->conf.on_event)
        return;
    (void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    call->is_stream = status == 200;
}

static size_t
on_bytes(char *bytes, size_t size, size_t n, void *arg)
{
    struct http_call *call = arg;
    const size_t len = size * n;
    call->heard_ms = clock_mono_ms();
    learn_kind(call);
    if (call->told)
        return CURL_WRITEFUNC_ERROR;
    if (call->is_stream) {
        call->failure = sse_feed(&call->sse, bytes, len);
    } else {
        buf_append(&call->body, bytes, len);
        call->failure = buf_failed(&call->body) ? ERR_LIMIT : 0;
    }
    return call->failure || call->told ? CURL_WRITEFUNC_ERROR : len;
}

/* The head alone counts as a sign of life, and tells a stream's kind. */
static size_t
on_header(char *bytes, size_t size, size_t n, void *arg)
{
    struct http_call *call = arg;
    call->heard_ms = clock_mono_ms();
    if (size * n == 2 && memcmp(bytes, "\r\n", 2) == 0)
        learn_kind(call);
    return size * n;
}

/* Until NULL. */
static int
add_headers(struct http_call *call, const char *const *lines)
{
    for (; *lines; lines++) {
        struct curl_slist *l = curl_slist_append(call->headers, *lines);
        if (!l)
            return ERR_NOMEM;
        call->headers = l;
    }
    return 0;
}

static int
set_headers(struct http_call *call, const struct http_call_conf *conf)
{
    static const char *const of_body[] = {
        "Content-Type: application/json",
        "Expect:", /* a round trip that our servers do not need */
        NULL,
    };
    static const char *const of_stream[] = {"Accept: text/event-stream", NULL};
    int rc = conf->body ? add_headers(call, of_body) : 0;
    if (!rc && conf->on_event)
        rc = add_headers(call, of_stream);
    if (!rc && conf->headers)
        rc = add_headers(call, conf->headers);
    return rc;
}

/* Programs that the process starts must not keep connections open. */
static int
on_socket(void *arg, curl_socket_t fd, curlsocktype purpose)
{
    (void)arg;
    (void)purpose;
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    return CURL_SOCKOPT_OK;
}

static int
set_up_easy(struct http_call *call, const struct http_call_conf *conf)
{
    CURL *easy = call->easy;
    const long timeout_ms = conf->timeout_ms > 0 ? (long)conf->timeout_ms : 0;
    bool bad = false;
#define SET(option, value)                                                     \
    (bad |= curl_easy_setopt(easy, option, value) != CURLE_OK)
    SET(CURLOPT_URL, conf->url);
    SET(CURLOPT_CUSTOMREQUEST, conf->method);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_SOCKOPTFUNCTION, on_socket);
    SET(CURLOPT_HTTPHEADER, call->headers);
    SET(CURLOPT_ERRORBUFFER, call->why);
    SET(CURLOPT_WRITEFUNCTION, on_bytes);
    SET(CURLOPT_WRITEDATA, call);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, call);
    SET(CURLOPT_PRIVATE, call);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_CONNECTTIMEOUT_MS, timeout_ms);
    if (!conf->on_event)
        SET(CURLOPT_TIMEOUT_MS, timeout_ms);
    const char *const body = conf->body ? conf->body : "";
    if (conf->body || strcmp(conf->method, "POST") == 0) {
        /* Without its size it may not have more than 8 MB. */
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
        SET(CURLOPT_COPYPOSTFIELDS, body);
    }
    SET(CURLOPT_USERAGENT, "shunt/" SHUNT_VERSION);
#undef SET
    return bad ? ERR_INVALID : 0;
}

static struct http_call *
new_call(struct http_client *client, const struct http_call_conf *conf)
{
    struct http_call *call = calloc(1, sizeof(*call));
    if (!call)
        return NULL;
    const size_t max = conf->answer_max_bytes ? conf->answer_max_bytes
                                              : ANSWER_MAX_BYTES_DEFAULT;
    call->client = client;
    call->conf = *conf;
    call->started_ms = call->heard_ms = clock_mono_ms();
    buf_init(&call->body, conf->on_event ? ERROR_BODY_MAX_BYTES : max);
    sse_init(&call->sse, max, on_sse, call);
    call->easy = curl_easy_init();
    const size_t size = strlen(conf->method) + strlen(conf->url) + 2;
    call->what = malloc(size);
    if (!call->easy || !call->what) {
        free_call(call);
        return NULL;
    }
    (void)snprintf(call->what, size, "%s %s", conf->method, conf->url);
    return call;
}

/* Failure (out of memory only) is told like any other, from a poll. */
static void
add(struct http_call *call)
{
    const CURLMcode rc = curl_multi_add_handle(call->client->multi, call->easy);
    call->added = rc == CURLM_OK;
    if (!call->added)
        call->failure = ERR_NOMEM;
}

int
http_call_start(struct http_client *client, const struct http_call_conf *conf,
                struct http_call **out, struct err *err)
{
    struct http_call *call = new_call(client, conf);
    if (!call || set_headers(call, conf) != 0) {
        free_call(call);
        return err_nomem(err);
    }
    if (set_up_easy(call, conf) != 0) {
        free_call(call);
        return err_field(err, ERR_INVALID, "url", conf->url,
                         "cannot ask %s %s: libcurl refuses its settings",
                         conf->method, conf->url);
    }
    DL_APPEND(client->calls, call);
    if (!client->in_perform)
        add(call);
    if (out)
        *out = call;
    return 0;
}

void
http_call_cancel(struct http_call *call)
{
    if (!call || call->told)
        return;
    if (call->client->in_perform)
        tell(call, ERR_CLOSED, "cancelled");
    else
        finish(call, ERR_CLOSED, "cancelled");
}

static int
error_of(const struct http_call *call, CURLcode result)
{
    if (call->failure)
        return call->failure;
    switch ((int)result) {
    case CURLE_OK:
        return 0;
    case CURLE_OPERATION_TIMEDOUT:
        return ERR_TIMEOUT;
    case CURLE_OUT_OF_MEMORY:
        return ERR_NOMEM;
    default:
        return ERR_UNAVAILABLE;
    }
}

static void
end_call(struct http_call *call, CURLcode result)
{
    const int error = error_of(call, result);
    const char *why = *call->why ? call->why : curl_easy_strerror(result);
    if (error == ERR_LIMIT)
        why = "the answer is larger than allowed";
    finish(call, error, why);
}

static void
end_completed(struct http_client *client)
{
    int left;
    const CURLMsg *msg;
    while ((msg = curl_multi_info_read(client->multi, &left))) {
        if (msg->msg != CURLMSG_DONE)
            continue;
        struct http_call *call;
        const CURLcode result = msg->data.result;
        (void)curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &call);
        end_call(call, result);
    }
}

/* When a stream has waited too long for its head, or for its next byte; 0:
 * never. */
static int64_t
deadline_ms(const struct http_call *call)
{
    if (!call->conf.on_event)
        return 0;
    if (!call->is_stream)
        return call->conf.timeout_ms > 0
                   ? call->started_ms + call->conf.timeout_ms
                   : 0;
    return call->conf.silence_ms > 0 ? call->heard_ms + call->conf.silence_ms
                                     : 0;
}

static void
end_overdue(struct http_call *call)
{
    char why[80];
    (void)snprintf(why, sizeof(why), "%s for %lld ms",
                   call->is_stream ? "silent" : "no answer",
                   (long long)(call->is_stream ? call->conf.silence_ms
                                               : call->conf.timeout_ms));
    finish(call, ERR_TIMEOUT, why);
}

/* Ends one call that is over without libcurl's saying so; on_done may have
 * changed the list, so the caller starts over. */
static bool
end_one(struct http_client *client)
{
    const int64_t now_ms = clock_mono_ms();
    struct http_call *call;
    DL_FOREACH(client->calls, call)
    {
        const int64_t deadline = deadline_ms(call);
        if (call->told)
            finish(call, ERR_CLOSED, "cancelled");
        else if (!call->added && call->failure)
            finish(call, call->failure, err_text(call->failure));
        else if (deadline && now_ms >= deadline)
            end_overdue(call);
        else
            continue;
        return true;
    }
    return false;
}

static void
add_new(struct http_client *client)
{
    struct http_call *call;
    DL_FOREACH(client->calls, call)
    if (!call->added && !call->told && !call->failure)
        add(call);
}

static int
wait_ms(const struct http_client *client, int timeout_ms)
{
    const int64_t now_ms = clock_mono_ms();
    int64_t wait = timeout_ms;
    const struct http_call *call;
    DL_FOREACH(client->calls, call)
    {
        const int64_t deadline = deadline_ms(call);
        if (deadline && deadline - now_ms < wait)
            wait = deadline - now_ms;
    }
    return wait > 0 ? (int)wait : 0;
}

/* Writing over TLS to a peer that has gone raises SIGPIPE, and NOSIGNAL keeps
 * libcurl from hiding it.  An application's process must not end by that. */
static sigset_t
only_sigpipe(void)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGPIPE);
    return set;
}

static void
perform(CURLM *multi)
{
    static const struct timespec at_once;
    const sigset_t sigpipe = only_sigpipe();
    sigset_t before;
    int running;
    (void)pthread_sigmask(SIG_BLOCK, &sigpipe, &before);
    (void)curl_multi_perform(multi, &running);
    if (sigismember(&before, SIGPIPE) == 0)
        (void)sigtimedwait(&sigpipe, NULL, &at_once); /* takes what came */
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void
work(struct http_client *client)
{
    client->in_perform = true;
    perform(client->multi);
    client->in_perform = false;
    end_completed(client);
    while (end_one(client)) {
    }
    add_new(client);
}

void
http_client_poll(struct http_client *client, int timeout_ms)
{
    client->called_back = false;
    work(client); /* starts what was added since */
    if (client->called_back)
        return;
    (void)curl_multi_poll(client->multi, NULL, 0, wait_ms(client, timeout_ms),
                          NULL);
    work(client);
}

void
http_client_wakeup(struct http_client *client)
{
    (void)curl_multi_wakeup(client->multi);
}

struct fetched {
    bool done;
    int error, status;
    char *body;
    char text[512];
};

static void
on_fetched(const struct http_answer *a, void *arg)
{
    struct fetched *f = arg;
    f->done = true;
    f->error = a->error;
    f->status = a->status;
    f->body = a->error ? NULL : strdup(a->body);
    (void)snprintf(f->text, sizeof(f->text), "%s", a->text);
}

int
http_fetch(const char *method, const char *url, const char *body,
           int64_t timeout_ms, int *status, char **answer, struct err *err)
{
    struct http_client *client = NULL;
    struct fetched f = {0};
    const struct http_call_conf conf = {
        .method = method,
        .url = url,
        .body = body,
        .timeout_ms = timeout_ms,
        .on_done = on_fetched,
        .arg = &f,
    };
    *answer = NULL;
    int rc = http_client_new(&client, err);
    if (!rc)
        rc = http_call_start(client, &conf, NULL, err);
    while (!rc && !f.done)
        http_client_poll(client, 1000);
    http_client_free(client);
    if (rc)
        return rc;
    if (f.error)
        return err_set(err, f.error, "%s", f.text);
    if (!f.body)
        return err_nomem(err);
    *status = f.status;
    *answer = f.body;
    return 0;
}
