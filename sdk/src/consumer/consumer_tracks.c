/*
 * Which track reads which topic.
 *
 * Topics whose routes name one cluster are read by one track.  Where only some
 * of a track's topics are routed elsewhere, a track of their own takes them: it
 * shares the generation that reads them, joins on the other cluster and takes
 * them over there, as any switch does; then the old generation parts with them.
 * Tracks that end on one cluster stay apart: joining them would cost a
 * rebalance and bring nothing.
 *
 * Everything here runs below the wheel.
 */
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "common/base/clock.h"
#include "sdk/src/consumer/consumer_impl.h"

/* ---- lists of topics ----------------------------------------------------- */

static char *
take_name(struct strlist *l, size_t i)
{
    char *name = l->v[i];
    l->v[i] = l->v[--l->n];
    return name;
}

static int
add_once(struct strlist *l, const char *name)
{
    return strlist_has(l, name) ? 0 : strlist_add(l, name);
}

static bool
has_topic(const struct consumer *c, const char *name)
{
    for (const struct track *tr = c->track; tr; tr = tr->more)
        if (strlist_has(&tr->topics, name))
            return true;
    return false;
}

/* ---- tracks -------------------------------------------------------------- */

static struct track *
add_track(struct consumer *c)
{
    struct err err = {0};
    struct track *tr = NULL, *last = c->track;
    while (last->more)
        last = last->more;
    if (track_new(&c->track->plain, c, last->number + 1, &tr, &err) != 0) {
        track_log(c->track, LOG_ERR, "%s", err.text);
        return NULL;
    }
    last->more = tr;
    track_move(tr, TRACK_ROUTING);
    return tr;
}

static void
remove_track(struct consumer *c, struct track *tr)
{
    track_leave(tr);
    track_move(tr, TRACK_CLOSED);
    struct track **at = &c->track;
    while (*at != tr)
        at = &(*at)->more;
    *at = tr->more;
    c->turn = NULL;
    tr->more = c->spare;
    c->spare = tr;
}

void
consumer_free_spare(struct consumer *c)
{
    while (c->spare && c->calls == 0) {
        struct track *tr = c->spare;
        c->spare = tr->more;
        track_free(tr);
    }
}

static struct track *
find_empty(const struct consumer *c)
{
    struct track *tr = c->track;
    while (tr && (tr->topics.n > 0 || tr->by_hand || tr->state == TRACK_IDLE ||
                  tr->state == TRACK_CLOSED))
        tr = tr->more;
    return tr;
}

static void
remove_empty(struct consumer *c)
{
    struct track *tr;
    while ((tr = find_empty(c))) {
        if (tr != c->track) {
            remove_track(c, tr);
            continue;
        }
        track_leave(tr);
        track_move(tr, TRACK_IDLE);
    }
}

/* ---- splitting ----------------------------------------------------------- */

const char *
consumer_cluster_of(const struct pt_answer *a, const char *topic)
{
    for (size_t i = 0; i < a->n_routes; i++)
        if (str_equal(a->routes[i].topic, topic))
            return a->routes[i].cluster;
    return NULL;
}

/* Where it is, or is going to; NULL: nowhere yet. */
static const char *
heading(const struct track *tr)
{
    if (tr->next)
        return tr->next->cluster;
    return tr->cur && !tr->shared ? tr->cur->cluster : NULL;
}

static bool
any_routed_to(const struct track *tr, const struct pt_answer *a,
              const char *cluster)
{
    for (size_t i = 0; cluster && i < tr->topics.n; i++)
        if (str_equal(consumer_cluster_of(a, tr->topics.v[i]), cluster))
            return true;
    return false;
}

/* Whoever is routed to it stays with the track. */
static const char *
cluster_to_keep(const struct track *tr, const struct pt_answer *a)
{
    const char *to = heading(tr);
    const char *at = tr->cur && !tr->shared ? tr->cur->cluster : NULL;
    if (any_routed_to(tr, a, to))
        return to;
    if (any_routed_to(tr, a, at))
        return at;
    for (size_t i = 0; i < tr->topics.n; i++) {
        const char *any = consumer_cluster_of(a, tr->topics.v[i]);
        if (any && !(tr->shared && strcmp(any, tr->cur->cluster) == 0))
            return any;
    }
    return NULL;
}

static bool
splits(const struct track *tr)
{
    return !tr->by_hand && tr->state != TRACK_IDLE &&
           tr->state != TRACK_MAPPING && tr->state != TRACK_CLOSED;
}

/* A track that can take a topic which `from` reads (`read`), or has not begun to
 * read. */
static bool
can_take(const struct track *tr, const struct track *from, bool read,
         const char *cluster)
{
    if (tr == from || !splits(tr))
        return false;
    if (!read)
        return !tr->shared && str_equal(heading(tr), cluster);
    if (tr->cur != from->cur)
        return false;
    /* Back home, or along with others. */
    return str_equal(heading(tr), cluster);
}

static struct track *
taker(struct consumer *c, const struct track *from, bool read,
      const char *cluster)
{
    struct track *tr = c->track;
    while (tr && !can_take(tr, from, read, cluster))
        tr = tr->more;
    return tr;
}

static struct track *
new_taker(struct consumer *c, struct track *from, bool read)
{
    struct track *tr = add_track(c);
    if (!tr || !read)
        return tr;
    tr->cur = from->cur;
    tr->shared = true;
    generation_ref(tr->cur);
    track_move(tr, TRACK_RUNNING);
    return tr;
}

/* False: no memory; it stays, and the next news tries again. */
static bool
move_topic(struct consumer *c, struct track *from, size_t i,
           const char *cluster)
{
    const char *name = from->topics.v[i];
    struct generation *g = from->cur;
    bool read = g && generation_reads(g, name);
    struct track *to = taker(c, from, read, cluster);
    /* Nobody else reads at home any more: begin anew, from the commits there. */
    if (!to && read && str_equal(g->cluster, cluster))
        read = false;
    if (!to)
        to = new_taker(c, from, read);
    if (!to || strlist_add(&to->topics, name) != 0)
        return false;
    if (read && to->shared && generation_lend(g, name) != 0)
        track_log(to, LOG_WARNING, "out of memory: %s may pause", name);
    if (g && !(read && to->shared))
        generation_take_back(g, name);
    free(take_name(&from->topics, i));
    return true;
}

static void
split(struct consumer *c, struct track *tr, const struct pt_answer *a)
{
    const char *keep = splits(tr) ? cluster_to_keep(tr, a) : NULL;
    for (size_t i = tr->topics.n; i-- > 0 && splits(tr);) {
        const char *cluster = consumer_cluster_of(a, tr->topics.v[i]);
        const bool home =
            tr->shared && str_equal(cluster, tr->cur->cluster) && !keep;
        if (cluster && (home || (keep && strcmp(cluster, keep) != 0)) &&
            !move_topic(c, tr, i, cluster))
            return;
    }
}

void
consumer_end_parting(struct consumer *c, const char *cluster)
{
    for (struct track *tr = c->track; tr; tr = tr->more) {
        struct generation *g = tr->shared ? NULL : tr->cur;
        if (!g || g->parted_until_ms == 0 || strcmp(g->cluster, cluster) != 0)
            continue;
        g->parted_until_ms = 1; /* that track's next step */
        wake_up(c->wake);
    }
}

/* ---- subscription -------------------------------------------------------- */

static rd_kafka_resp_err_t
check_topics(const rd_kafka_topic_partition_list_t *topics)
{
    if (!topics || topics->cnt == 0)
        return RD_KAFKA_RESP_ERR__INVALID_ARG;
    for (int i = 0; i < topics->cnt; i++) {
        const char *name = topics->elems[i].topic;
        if (name[0] == '\0' || (name[0] != '^' && strlen(name) > TOPIC_MAX))
            return RD_KAFKA_RESP_ERR__INVALID_ARG;
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static int
copy_topics(struct strlist *to, const rd_kafka_topic_partition_list_t *topics)
{
    int rc = 0;
    for (int i = 0; i < topics->cnt && rc == 0; i++)
        rc = add_once(to, topics->elems[i].topic);
    return rc;
}

/* Topics that are not wanted any more. */
static void
drop_topics(struct track *tr, const struct strlist *want)
{
    for (size_t i = tr->topics.n; i-- > 0;) {
        if (strlist_has(want, tr->topics.v[i]))
            continue;
        if (tr->cur)
            generation_take_back(tr->cur, tr->topics.v[i]);
        free(take_name(&tr->topics, i));
    }
}

/* What patterns have found waits for its route, so that a topic without one
 * keeps nobody waiting. */
static bool
can_begin(const struct consumer *c, const struct pt_answer *a, const char *name)
{
    return strlist_has(&c->asked, name) || (a && consumer_cluster_of(a, name));
}

static int
spread(struct consumer *c, const struct strlist *want,
       const struct pt_answer *a)
{
    for (struct track *tr = c->track; tr; tr = tr->more)
        drop_topics(tr, want);
    for (size_t i = 0; i < want->n; i++)
        if (!has_topic(c, want->v[i]) && can_begin(c, a, want->v[i]) &&
            strlist_add(&c->track->topics, want->v[i]) != 0)
            return ERR_NOMEM;
    if (c->track->topics.n > 0 && c->track->state == TRACK_IDLE)
        track_move(c->track, TRACK_ROUTING);
    return 0;
}

static int
list_wanted(const struct consumer *c, struct strlist *out)
{
    int rc = 0;
    for (size_t i = 0; i < c->asked.n && rc == 0; i++)
        if (c->asked.v[i][0] != '^')
            rc = strlist_add(out, c->asked.v[i]);
    return rc == 0 ? finders_list(&c->finders, out) : rc;
}

static int
watch(struct consumer *c, const struct strlist *want)
{
    struct strlist names = {0};
    int rc = strlist_copy(&names, want);
    for (size_t i = 0; i < c->finders.n && rc == 0; i++)
        rc = strlist_add(&names, c->finders.patterns.v[i].text);
    if (rc == 0)
        rc = control_set_topics(c->track->e.control, &names);
    strlist_fini(&names);
    return rc;
}

static int
apply_topics(struct consumer *c)
{
    struct strlist want = {0};
    struct route *r = control_route(c->track->e.control);
    int rc = list_wanted(c, &want);
    if (rc == 0)
        rc = watch(c, &want);
    if (rc == 0)
        rc = spread(c, &want, r ? &r->answer : NULL);
    strlist_fini(&want);
    route_unref(r);
    wake_up(c->wake); /* the route at hand may do already */
    return rc;
}

void
consumer_topics_changed(struct consumer *c)
{
    if (apply_topics(c) != 0)
        track_log(c->track, LOG_ERR, "topics of patterns: out of memory");
}

static rd_kafka_resp_err_t
subscribe(struct consumer *c, const rd_kafka_topic_partition_list_t *topics)
{
    struct strlist names = {0};
    struct finders finders = {0};
    const int rc = copy_topics(&names, topics);
    if (rc != 0 ||
        finders_init(&finders, &c->track->plain, &names, NULL) != 0) {
        strlist_fini(&names);
        return rc != 0 ? RD_KAFKA_RESP_ERR__FAIL
                       : RD_KAFKA_RESP_ERR__INVALID_ARG;
    }
    if (c->track->by_hand)
        track_by_hand_end(c->track);
    finders_inherit(&finders, &c->finders);
    finders_fini(&c->finders);
    strlist_fini(&c->asked);
    c->finders = finders;
    c->asked = names;
    return apply_topics(c) == 0 ? RD_KAFKA_RESP_ERR_NO_ERROR
                                : RD_KAFKA_RESP_ERR__FAIL;
}

rd_kafka_resp_err_t
consumer_subscribe(struct consumer *c,
                   const rd_kafka_topic_partition_list_t *topics)
{
    rd_kafka_resp_err_t code = check_topics(topics);
    if (code)
        return code;
    consumer_lock(c);
    consumer_drive(c);
    code = track_closed(c->track) ? RD_KAFKA_RESP_ERR__STATE
                                  : subscribe(c, topics);
    consumer_park(c);
    consumer_unlock(c);
    return code;
}

rd_kafka_resp_err_t
consumer_subscription(struct consumer *c, rd_kafka_topic_partition_list_t **out)
{
    consumer_lock(c);
    *out = rd_kafka_topic_partition_list_new((int)c->asked.n + 1);
    for (size_t i = 0; i < c->asked.n; i++)
        rd_kafka_topic_partition_list_add(*out, c->asked.v[i],
                                          RD_KAFKA_PARTITION_UA);
    consumer_unlock(c);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* ---- news ---------------------------------------------------------------- */

static void
begin_found(struct consumer *c, const struct pt_answer *a)
{
    struct strlist want = {0};
    if (list_wanted(c, &want) != 0 || spread(c, &want, a) != 0)
        track_log(c->track, LOG_ERR, "topics of patterns: out of memory");
    strlist_fini(&want);
}

void
consumer_follow(struct consumer *c)
{
    struct route *r = control_route(c->track->e.control);
    if (r && c->finders.n > 0)
        begin_found(c, &r->answer);
    for (struct track *tr = c->track; r && tr; tr = tr->more)
        split(c, tr, &r->answer);
    route_unref(r);
    remove_empty(c);
    for (struct track *tr = c->track; tr; tr = tr->more)
        tr->news = true;
}

/* ---- leaving ------------------------------------------------------------- */

static void
say_left_behind(struct consumer *c)
{
    if (reaper_held(c->reaper) > 0)
        track_log(c->track, LOG_WARNING,
                  "a handle cannot be destroyed: the application still holds "
                  "messages of it (rd_kafka_message_destroy()); it is left "
                  "behind, and ends with the last of them");
    else
        track_log(c->track, LOG_WARNING,
                  "a handle cannot be closed: its cluster does not answer; it "
                  "is left behind, and ends by itself");
}

/* False: something is left behind. */
static bool
wait_for_ends(struct consumer *c)
{
    const int64_t end_ms = clock_mono_ms() + c->track->e.close_ms;
    consumer_unlock(c);
    const bool all = reaper_wait(c->reaper, end_ms);
    consumer_lock(c);
    if (!all)
        say_left_behind(c);
    return all;
}

void
consumer_leave_tracks(struct consumer *c)
{
    for (struct track *tr = c->track; tr; tr = tr->more)
        track_leave(tr);
    while (c->track->more)
        remove_track(c, c->track->more);
    strlist_fini(&c->asked);
    c->asked = (struct strlist){0};
    finders_fini(&c->finders);
}

bool
consumer_go(struct consumer *c, enum track_state to)
{
    consumer_leave_tracks(c);
    const bool all = wait_for_ends(c);
    if (c->track->state != to)
        track_move(c->track, to);
    return all;
}
