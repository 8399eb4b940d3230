/* What the commands share that ask on behalf of a client. */
#ifndef SHUNT_CTL_ASK_H
#define SHUNT_CTL_ASK_H

#include "ctl/ctl.h"

struct json_t;

/* {"identity":{..}} from CODE KEY=VALUE...; NULL after a usage error, which is
 * said already. */
struct json_t *ask_identity(const struct ctl *ctl, const char *command);
/* The routes of an answer. */
void ask_print_answer(const struct json_t *answer);

#endif
