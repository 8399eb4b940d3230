/*
 * What the .c files that make settings share.  Pure.
 */
#ifndef SHUNT_REPLICATOR_SETTINGS_PARTS_H
#define SHUNT_REPLICATOR_SETTINGS_PARTS_H

#include "replicator/settings.h"

enum level { LEVEL_TOP, LEVEL_CLUSTER, LEVEL_FLOW };

/* One property: where it belongs, and its key without prefix. All borrowed. */
struct item {
    const struct property *p;
    enum level level;
    struct cluster_settings *cluster;
    struct flow_settings *flow;
    const char *key;
};

struct items {
    struct item *v; /* owned; in the order of the file */
    size_t n;
};

/* "line N: KEY: WHAT" among the warnings. */
void settings_warn(struct settings *s, const struct property *p,
                   const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Line and full key before what is wrong; nothing that must not be shown. */
MUST_CHECK int settings_refuse(struct err *err, const struct property *p,
                               int code, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

/* security.*, ssl.*, sasl.*: for every client, at any level. */
bool settings_is_security(const char *key);
/* The property behind one of the prefixes with which a flow reaches one of its
 * clients, or NULL. */
const char *settings_client_key(const char *key);

/* Which of `choices` the text is; the error names them all. */
MUST_CHECK int settings_choice(const char *key, const char *text,
                               const char *const *choices, size_t *out,
                               struct err *err);
/* settings_apply.c: an item's key goes where it belongs, or is told of.  The
 * order of the calls is the precedence. */
MUST_CHECK int settings_apply_top(struct settings *s, const struct item *it,
                                  struct err *err);
MUST_CHECK int settings_apply_cluster(struct settings *s, const struct item *it,
                                      struct err *err);
/* Keys at the top that go to the Connect worker win over those of a cluster. */
MUST_CHECK int settings_apply_worker(struct settings *s, const struct item *it,
                                     struct err *err);
MUST_CHECK int settings_apply_flow(struct settings *s, const struct item *it,
                                   struct err *err);
/* roles.c: `clients` of every flow that is enabled. */
void roles_build(struct settings *s, const struct items *items);
void roles_fini(struct flow_settings *f);
/* settings_reload.c: between settings_apply_flow() and roles_build(). */
void settings_keep(struct settings *s, const struct settings *old);
/* settings_finish.c: what follows from the keys, and what only shows in the
 * whole. */
MUST_CHECK int settings_finish(struct settings *s, struct err *err);
void settings_finish_fini(struct flow_settings *f);

#endif
