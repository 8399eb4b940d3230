/* verify: are the mapper's answers right, by the records themselves. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "common/base/must.h"
#include "common/base/xmem.h"
#include "common/proto/verification.h"
#include "ctl/call.h"
#include "ctl/mapper.h"
#include "ctl/out.h"

/* Samples under way when the time is over come to their ends. */
#define GRACE_MS 20000

static int
flow_mapper(const struct ctl *ctl, const char *flow, char **url)
{
    const char *arrow = strstr(flow, "->");
    if (!arrow)
        return ctl_usage("verify: %s is no flow: SOURCE->TARGET, quoted from "
                         "the shell",
                         flow);
    char *source = xasprintf("%.*s", (int)(arrow - flow), flow);
    const int rc = mapper_url(ctl, source, arrow + 2, url);
    free(source);
    return rc;
}

static int
print_answer(const struct ctl *ctl, const struct json_t *answer)
{
    struct po_verification v;
    struct err err;
    if (po_verification_read(answer, &v, &err))
        return ctl_fail(&err);
    if (ctl->conf.json)
        out_json(answer);
    else
        (void)fputs(v.text, stdout);
    const bool fine = v.looked_at > 0 && v.disagreements == 0;
    po_verification_fini(&v);
    return fine ? CTL_OK : CTL_FAILED;
}

/* It lasts longer than other questions. */
static int
ask(const struct ctl *ctl, const char *url, const char *body)
{
    const struct call call = {CALL_READ, "POST", "/v1/verify", body, false};
    struct ctl patient = *ctl;
    struct reply r;
    patient.conf.timeout_ms = ctl->conf.wait_ms + GRACE_MS;
    int rc = call_any(&patient, url, &call, &r);
    if (rc == CTL_OK)
        rc = print_answer(ctl, r.json);
    reply_fini(&r);
    return rc;
}

int
ctl_verify(struct ctl *ctl)
{
    if (ctl->argc != 1)
        return ctl_usage("verify 'SOURCE->TARGET' [--samples N]");
    char *url = NULL;
    int rc = flow_mapper(ctl, ctl->argv[0], &url);
    if (rc)
        return rc;
    struct json_t *body = js_object();
    must(js_put_str(body, "flow", ctl->argv[0]) |
         js_put_int(body, "samples", ctl->conf.samples) |
         js_put_int(body, "timeout_ms",
                    ctl->conf.wait_ms > 0 ? ctl->conf.wait_ms : 1));
    char *text = must_have(js_dump(body));
    rc = ask(ctl, url, text);
    free(text);
    js_free(body);
    free(url);
    return rc;
}
