/*
 * From a record to its partition.  Looking for the name of its topic would cost
 * a quarter of all that a poll costs, so partitions are found by the address of
 * the topic object.  Those objects are held until the end, so that no other
 * topic gets an address that is known.
 */
#include <stdlib.h>

#include "sdk/src/consumer/generation_int.h"

static struct known_part *
slot_of(struct generation *g, const rd_kafka_message_t *m)
{
    const uintptr_t topic = (uintptr_t)m->rkt / 64;
    return &g->known[(topic * 31 + (uint32_t)m->partition) % KNOWN_PARTS];
}

static bool
held(const struct generation *g, const rd_kafka_topic_t *rkt)
{
    for (size_t i = 0; i < g->n_topics; i++)
        if (g->topics[i] == rkt)
            return true;
    return false;
}

bool
generation_know_topic(struct generation *g, const rd_kafka_topic_t *rkt)
{
    if (held(g, rkt))
        return true;
    rd_kafka_topic_t **all =
        reallocarray(g->topics, g->n_topics + 1, sizeof(rd_kafka_topic_t *));
    if (!all)
        return false;
    g->topics = all;
    rd_kafka_topic_t *mine =
        rd_kafka_topic_new(g->rk, rd_kafka_topic_name(rkt), NULL);
    if (mine != rkt) { /* the message is older than the topic is now */
        if (mine)
            rd_kafka_topic_destroy(mine);
        return false;
    }
    all[g->n_topics++] = mine;
    g->hooks.on_topic(g, rkt, g->hooks.arg);
    return true;
}

static struct part *
find(struct generation *g, const rd_kafka_message_t *m)
{
    struct part *p =
        generation_find(g, rd_kafka_topic_name(m->rkt), m->partition);
    if (p && generation_know_topic(g, m->rkt))
        *slot_of(g, m) = (struct known_part){m->rkt, m->partition, p};
    return p;
}

struct part *
generation_deliverable(struct generation *g, const rd_kafka_message_t *m)
{
    const struct known_part *k = slot_of(g, m);
    struct part *p =
        k->rkt == m->rkt && k->partition == m->partition ? k->part : find(g, m);
    return p && p->state == PART_RUNNING && !g->stopped ? p : NULL;
}

void
generation_forget_topics(struct generation *g)
{
    for (size_t i = 0; i < g->n_topics; i++)
        rd_kafka_topic_destroy(g->topics[i]);
    free(g->topics);
    g->topics = NULL;
    g->n_topics = 0;
}
