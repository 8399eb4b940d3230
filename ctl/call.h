/* Requests to the services: one answer as JSON, errors as words. */
#ifndef SHUNT_CTL_CALL_H
#define SHUNT_CTL_CALL_H

#include "ctl/ctl.h"

/* Tries the route services of --route.service in turn.  `body` is taken (NULL:
 * none).  Returns 0 and the answer (js_free), or an exit code, said on stderr
 * already. */
MUST_CHECK int ctl_call_take(const struct ctl *ctl, const char *method,
                             const char *path, struct json_t *body,
                             struct json_t **answer);
/* The same to one base URL. */
MUST_CHECK int ctl_call_url_take(const struct ctl *ctl, const char *base_url,
                                 const char *method, const char *path,
                                 struct json_t *body, struct json_t **answer);
/* Posts a change set of `operations` (taken) made against `expect_revision`
 * (-1: any) and says what happened, in words that begin with `what`. */
MUST_CHECK int ctl_change_take(const struct ctl *ctl, struct json_t *operations,
                               int64_t expect_revision, const char *what);

#endif
