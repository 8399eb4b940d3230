/*
 * Who is told of a change, and who may go on with what it knows: random tables
 * and identities, compared with looking at everybody.
 */
#include <stdarg.h>

#include "route-service/answers.h"
#include "route-service/audience.h"
#include "route-service/concern.h"
#include "route-service/resolve.h"
#include "tests/unit/route-service/made.h"

#define PEOPLE    60
#define STEPS     60
#define RUNS      20
#define TIME_STEP 100

static unsigned seed;

static unsigned
below(unsigned n)
{
    return (unsigned)rand_r(&seed) % n;
}

static bool
sometimes(unsigned percent)
{
    return below(100) < percent;
}

/* ---- random things ------------------------------------------------------- */

struct text {
    char s[4000];
    int len;
};

static void add(struct text *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
add(struct text *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    t->len += vsnprintf(t->s + t->len, sizeof(t->s) - (size_t)t->len, fmt, ap);
    va_end(ap);
    ck_assert_int_lt(t->len, (int)sizeof(t->s));
}

static void
add_identity(struct text *t)
{
    add(t, "{'cluster.code':'c%u','role':'%s'", below(3),
        sometimes(50) ? "consumer" : "producer");
    if (sometimes(85))
        add(t, ",'topics':['t%u','u%u']", below(4), below(2));
    if (sometimes(60))
        add(t, ",'group':'g%u'", below(3));
    if (sometimes(60))
        add(t, ",'client.id':'i%u'", below(8));
    if (sometimes(50))
        add(t, ",'attributes':{'job':'%u'}", below(3));
    add(t, "}");
}

static void
add_patterns(struct text *t, const char *key, const char *letter, unsigned n)
{
    if (sometimes(25))
        add(t, "'%s':'%s*',", key, letter);
    else if (sometimes(40))
        add(t, "'%s':['%s%u','%s%u'],", key, letter, below(n), letter,
            below(n));
    else
        add(t, "'%s':'%s%u',", key, letter, below(n));
}

static void
add_match(struct text *t)
{
    add(t, "{");
    if (sometimes(70))
        add_patterns(t, "cluster.code", "c", 3);
    if (sometimes(20))
        add(t, "'role':'consumer',");
    if (sometimes(35))
        add_patterns(t, "topic", sometimes(60) ? "t" : "u", 4);
    if (sometimes(30))
        add_patterns(t, "group", "g", 3);
    if (sometimes(30))
        add_patterns(t, "client.id", "i", 8);
    if (sometimes(25))
        add(t, "'attributes':{'job':'%u'},", below(3));
    if (sometimes(15))
        add(t, "'not':{'group':'g%u'},", below(3));
    if (t->s[t->len - 1] == ',')
        t->len--;
    add(t, "}");
}

static void
add_rule(struct text *t, int64_t now_ms)
{
    add(t, "{'op':'put','rule':{'id':'r%u','priority':%u,'enabled':%s,",
        below(20), below(3), sometimes(85) ? "true" : "false");
    if (sometimes(15))
        add(t, "'valid_from':'1970-01-01T00:00:%02d.%03dZ',",
            (int)(now_ms / 1000), (int)(now_ms % 1000));
    if (sometimes(15))
        add(t, "'valid_until':'1970-01-01T00:00:%02d.%03dZ',",
            (int)((now_ms + 5 * TIME_STEP) / 1000),
            (int)((now_ms + 5 * TIME_STEP) % 1000));
    if (sometimes(15))
        add(t, "'properties':{'ssl.ca.location':'%u'},", below(2));
    add(t, "'match':");
    add_match(t);
    if (sometimes(15))
        add(t, ",'fence':true");
    const char to = "abd"[below(3)];
    const char ready = "abd"[below(3)];
    if (sometimes(30) && ready != to)
        add(t, ",'standby':'%c'", ready);
    add(t, ",'cluster':'%c'}}", to);
}

static void
add_operation(struct text *t, const struct table *head, int64_t now_ms)
{
    char key[8];
    if (sometimes(6)) {
        add(t,
            "{'op':'put','cluster':{'name':'a',"
            "'bootstrap.servers':'a:%u'}}",
            1 + below(3));
        return;
    }
    (void)snprintf(key, sizeof(key), "r%u", below(20));
    if (sometimes(25) && table_find(head, KIND_RULE, key))
        add(t, "{'op':'delete','rule':'%s'}", key);
    else
        add_rule(t, now_ms);
}

/* ---- the world ------------------------------------------------------------- */

static struct table *head;
static struct audiences *audiences;
static struct answers *answers;
static struct audience *people[PEOPLE]; /* some are the same one */
static char *texts[PEOPLE][STEPS + 2];  /* by revision, without it */

/* As if nothing were indexed, kept or shared. */
static char *
answer_now(const struct pt_identity *id)
{
    struct pt_answer a;
    resolve(head, id, &a);
    a.revision = 0;
    struct json_t *j = pt_answer_encode(&a);
    char *text = js_dump(j);
    js_free(j);
    pt_answer_fini(&a);
    return text;
}

static void
note_texts(void)
{
    for (size_t i = 0; i < PEOPLE; i++)
        texts[i][head->revision] = answer_now(&people[i]->id);
}

static void
world_open(void)
{
    head = table_empty();
    made_push(&head, MADE_CLUSTER("a") "," MADE_CLUSTER("b") "," MADE_CLUSTER(
                         "d") "," MADE_FLOW("a", "b"));
    audiences = audiences_new();
    answers = answers_new();
    for (size_t i = 0; i < PEOPLE; i++) {
        struct text t = {.len = 0};
        add_identity(&t);
        struct pt_identity id = made_identity(t.s);
        people[i] = audience_of(audiences, &id);
        (void)audience_note(people[i],
                            answers_get(answers, head, &people[i]->id));
        pt_identity_fini(&id);
    }
    note_texts();
}

static void
world_close(void)
{
    for (size_t i = 0; i < PEOPLE; i++) {
        audience_release(audiences, people[i]);
        for (size_t k = 0; k < STEPS + 2; k++) {
            free(texts[i][k]);
            texts[i][k] = NULL;
        }
    }
    ck_assert_uint_eq(audiences_count(audiences), 0);
    audiences_free(audiences);
    answers_free(answers);
    table_unref(head);
}

/* The text of an answer with revision 0, to be compared with answer_now(). */
static bool
says(const struct answer *a, const char *text)
{
    const char *rest = strchr(a->text, ',');
    return strcmp(rest, strchr(text, ',')) == 0;
}

static void
tell(struct audience *a, void *arg)
{
    bool *told = arg;
    const bool changed = audience_note(a, answers_get(answers, head, &a->id));
    for (size_t i = 0; i < PEOPLE; i++)
        if (people[i] == a) {
            ck_assert(!told[i]);
            told[i] = changed;
        }
}

static void
assert_told(const bool *told)
{
    const int64_t now = head->revision;
    for (size_t i = 0; i < PEOPLE; i++) {
        const bool changed = strcmp(texts[i][now - 1], texts[i][now]) != 0;
        ck_assert_msg(told[i] == changed,
                      "person %zu at revision %lld: told %d, changed %d: %s "
                      "-> %s",
                      i, (long long)now, told[i], changed, texts[i][now - 1],
                      texts[i][now]);
        ck_assert(
            says(answers_get(answers, head, &people[i]->id), texts[i][now]));
    }
}

/* False: nothing has changed.  *looked_at: at how many audiences. */
static bool
step(int64_t now_ms, size_t *looked_at)
{
    bool told[PEOPLE] = {false};
    struct text t = {.len = 0};
    struct touched touched;
    struct table *next = NULL;
    struct err err;
    add_operation(&t, head, now_ms);
    struct change c = made_change(t.s);
    c.time_ms = now_ms;
    ck_assert_msg(change_apply(&c, head, &next, &touched, &err) == 0, "%s: %s",
                  t.s, err.text);
    change_fini(&c);
    const bool changed = next != head;
    table_unref(head);
    head = next;
    if (changed) {
        note_texts();
        *looked_at += audiences_concerned(audiences, &touched, tell, told);
        assert_told(told);
    }
    touched_fini(&touched);
    return changed;
}

/* ---- tests ----------------------------------------------------------------- */

START_TEST(only_who_is_concerned_is_told)
{
    size_t looked_at = 0;
    size_t steps = 0;
    seed = (unsigned)_i + 1;
    world_open();
    for (int i = 0; i < STEPS; i++)
        steps += step(TIME_STEP * (i + 1), &looked_at);
    size_t len;
    char *text = table_text(head, &len);
    struct json_t *j = table_encode(head);
    char *built = js_dump(j);
    ck_assert_str_eq(text, built);
    ck_assert_uint_eq(len, strlen(built));
    js_free(j);
    free(built);
    free(text);
    /* And most were not looked at for most of the changes. */
    ck_assert_uint_lt(looked_at, steps * audiences_count(audiences) * 2 / 3);
    world_close();
}
END_TEST

/* Who has heard everything up to `known` and is told to go on has the answer
 * that is in force. */
START_TEST(resumed_misses_nothing)
{
    size_t ignored = 0;
    size_t resumed = 0;
    seed = (unsigned)_i + 1000;
    world_open();
    for (int i = 0; i < STEPS; i++) {
        (void)step(TIME_STEP * (i + 1), &ignored);
        for (size_t k = 0; k < PEOPLE; k++) {
            const struct answer *a = answers_get(answers, head, &people[k]->id);
            for (int64_t known = 1; known <= head->revision; known++) {
                if (!answer_known(a, known))
                    continue;
                resumed++;
                ck_assert_str_eq(texts[k][known], texts[k][head->revision]);
            }
        }
    }
    ck_assert_uint_gt(resumed, 1000);
    world_close();
}
END_TEST

START_TEST(outline)
{
    struct pt_identity id = made_identity(
        "{'cluster.code':'c','role':'consumer','topics':['t','u']}");
    head = table_empty();
    made_push(&head, MADE_CLUSTER("a"));
    made_push(&head, MADE_RULE("r", "0", "'topic':'u'", "a"));
    char *text = answer_outline(head, &id);
    ck_assert_str_eq(text, "{\"revision\":2,\"routes\":[{\"topic\":\"t\","
                           "\"cluster\":null,\"since\":0},{\"topic\":\"u\","
                           "\"cluster\":\"a\",\"since\":2}]}");
    free(text);
    pt_identity_fini(&id);
    table_unref(head);
}
END_TEST

START_TEST(equal_identities_are_one)
{
    struct pt_identity one =
        made_identity("{'cluster.code':'c','role':'consumer','group':''}");
    struct pt_identity other =
        made_identity("{'cluster.code':'c','role':'consumer'}");
    audiences = audiences_new();
    struct audience *a = audience_of(audiences, &one);
    struct audience *b = audience_of(audiences, &one);
    struct audience *c = audience_of(audiences, &other);
    ck_assert_ptr_eq(a, b);
    ck_assert_ptr_ne(a, c);
    ck_assert_str_eq(a->id.group, "");
    ck_assert_ptr_null(c->id.group);
    audience_release(audiences, a);
    ck_assert_uint_eq(audiences_count(audiences), 2);
    audience_release(audiences, b);
    audience_release(audiences, c);
    ck_assert_uint_eq(audiences_count(audiences), 0);
    audiences_free(audiences);
    pt_identity_fini(&one);
    pt_identity_fini(&other);
}
END_TEST

/* A hundred of one code and group, each with an id of its own, three with an
 * attribute. */
#define MEMBERS 100

static void
count_member(void *member, void *arg)
{
    (void)member;
    ++*(long *)arg;
}

static const struct {
    const char *match;
    long looked_at; /* -1: nothing to find them by */
} lookups[] = {
    {"'cluster.code':'c'", MEMBERS},
    {"'cluster.code':'c','group':'g'", MEMBERS},
    {"'cluster.code':'c','client.id':['i7','i8','none']", 2},
    {"'cluster.code':'c','client.id':'i7','group':'g'", 1},
    {"'cluster.code':'c','attributes':{'job':'1'}", 3},
    {"'cluster.code':'c','group':'other','attributes':{'job':'1'}", 0},
    {"'cluster.code':'c','client.id':'i*'", MEMBERS},
    {"'cluster.code':['c','d']", MEMBERS},
    {"'group':'g?','attributes':{'job':'1'}", 3},
    {"'role':'consumer'", -1},
    {"'cluster.code':'*'", -1},
    {"", -1},
};

START_TEST(the_narrowest_is_looked_at)
{
    struct concern *all = concern_new();
    struct concern_place *places[MEMBERS];
    size_t n_places[MEMBERS];
    for (int i = 0; i < MEMBERS; i++) {
        struct text t = {.len = 0};
        add(&t, "{'cluster.code':'c','role':'consumer','group':'g',");
        add(&t, "'client.id':'i%d'%s}", i,
            i % 40 == 0 ? ",'attributes':{'job':'1'}" : "");
        struct pt_identity id = made_identity(t.s);
        concern_add(all, places, &id, &places[i], &n_places[i]);
        pt_identity_fini(&id);
    }
    struct text t = {.len = 0};
    add(&t, MADE_CLUSTER("a") ",{'op':'put','rule':{'id':'r','cluster':'a',");
    add(&t, "'match':{%s}}}", lookups[_i].match);
    struct change c = made_change(t.s);
    long met = 0;
    const long n =
        concern_each(all, &c.operations[1].item->u.rule, count_member, &met);
    ck_assert_int_eq(n, lookups[_i].looked_at);
    ck_assert_int_eq(met, n < 0 ? 0 : n);
    change_fini(&c);
    for (int i = 0; i < MEMBERS; i++)
        concern_remove(all, places[i], n_places[i]);
    concern_free(all);
}
END_TEST

static Suite *
suite(void)
{
    Suite *s = suite_create("audiences");
    TCase *t = tcase_create("random");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, only_who_is_concerned_is_told, 0, RUNS);
    tcase_add_loop_test(t, resumed_misses_nothing, 0, RUNS);
    suite_add_tcase(s, t);
    t = tcase_create("one by one");
    tcase_add_test(t, outline);
    tcase_add_test(t, equal_identities_are_one);
    tcase_add_loop_test(t, the_narrowest_is_looked_at, 0,
                        (int)(sizeof(lookups) / sizeof(lookups[0])));
    suite_add_tcase(s, t);
    return s;
}

MADE_MAIN(suite())
