/*
 * Owns the units of a flow: what of it one process has to itself.  A source
 * partition belongs to the unit that its position lies in, so that whoever
 * owns a unit alone writes all that is in that partition of the topic of
 * positions.  Runs on the flow's thread.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/xmem.h"
#include "common/kafka/kconf.h"
#include "replicator/parts.h"

void
units_make(struct flow *f, int32_t n)
{
    if (f->units)
        return;
    f->units = xcalloc((size_t)n, sizeof(*f->units));
    f->n_units = n;
    for (int32_t i = 0; i < n; i++)
        f->units[i] = (struct unit){.flow = f, .id = i, .mine = true};
}

void
units_free(struct flow *f)
{
    free(f->units);
    f->units = NULL;
    f->n_units = 0;
}

/* As Java's producers choose the partition of a key. */
struct unit *
unit_of(const struct flow *f, const char *topic, int32_t partition)
{
    char *key;
    if (position_key(f->conf->source->name, topic, partition, &key) != 0)
        abort(); /* out of memory */
    const int32_t id = rd_kafka_msg_partitioner_murmur2(NULL, key, strlen(key),
                                                        f->n_units, NULL, NULL);
    free(key);
    return &f->units[id];
}

rd_kafka_t *
unit_producer(const struct unit *u)
{
    return u->producer ? u->producer : u->flow->producer;
}

int
part_open(struct part *p, struct err *err)
{
    if (p->to)
        return 0;
    p->to = rd_kafka_topic_new(unit_producer(p->unit), p->topic->remote, NULL);
    if (!p->to)
        return err_kafka(err, rd_kafka_last_error(), "topic %s",
                         p->topic->remote);
    return 0;
}

void
part_close(struct part *p)
{
    if (p->to)
        rd_kafka_topic_destroy(p->to);
    p->to = NULL;
}
