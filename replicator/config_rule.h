/*
 * Which settings of a topic its copy gets: MirrorMaker 2's rules (mm2.md 8.2,
 * 8.3).  Pure.
 */
#ifndef SHUNT_REPLICATOR_CONFIG_RULE_H
#define SHUNT_REPLICATOR_CONFIG_RULE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/strs.h"
#include "replicator/pattern.h"

/* Who has set it. */
enum config_from {
    CONFIG_OF_TOPIC,       /* on the topic itself */
    CONFIG_OF_BROKERS,     /* on all brokers or one, while they run */
    CONFIG_OF_BROKER_FILE, /* in a broker's file: nobody's business */
    CONFIG_DEFAULT
};

struct config_entry {
    const char *name, *value; /* borrowed; a value may be NULL: hidden */
    enum config_from from;
    bool read_only, sensitive;
};

/* All settings of one topic. */
struct config {
    struct config_entry *v; /* owned */
    size_t n;
};

struct config_rule {
    const struct pattern *exclude; /* names that are left alone */
    bool defaults_from_source;     /* else each cluster keeps its own */
};

/* What a new copy is made with. `out` is empty before. */
void config_of_new(const struct config_rule *rule, const struct config *source,
                   struct props *out);

enum config_merge { CONFIG_SAME, CONFIG_DIFFERS, CONFIG_HIDDEN };
/* What must be set on the copy itself, all of it, sorted: librdkafka 2.0.2 can
 * only replace the whole.  That is what stands there now, with what the source
 * sets put in, and what the source leaves at its default taken out.  HIDDEN: a
 * value that stands there cannot be read, so nothing can be replaced; its name
 * is the only one in `out`. */
enum config_merge config_merge(const struct config_rule *rule,
                               const struct config *source,
                               const struct config *target, struct props *out);

#endif
