/*
 * Warnings: each kind of them, and that none is ever wrong: what is said of
 * rules holds for every identity that can be made up, at every time.
 */
#include "route-service/change.h"
#include "route-service/match.h"
#include "route-service/overlap.h"
#include "route-service/pattern.h"
#include "tests/unit/route-service/made.h"

static struct table *head;

static void
setup(void)
{
    head = table_empty();
    made_push(&head, MADE_CLUSTER("a") "," MADE_CLUSTER("b"));
}

static void
teardown(void)
{
    table_unref(head);
}

/* The warnings about a change set at a time; strlist_fini. */
static struct strlist
warnings_of(const char *operations, int64_t now_ms)
{
    struct change c = made_change(operations);
    struct strlist out = {0};
    c.time_ms = now_ms;
    struct table *t = made_applied(&c, head);
    change_warnings(&c, head, t, &out);
    table_unref(head);
    head = t;
    change_fini(&c);
    return out;
}

static void
assert_warned(const struct strlist *w, const char *words)
{
    ck_assert_msg(w->n == (words ? 1 : 0), "%zu: %s", w->n,
                  w->n ? w->v[0] : "");
    if (words)
        ck_assert_msg(strstr(w->v[0], words) != NULL, "%s", w->v[0]);
}

struct warning {
    const char *first, *second; /* matches of two rules */
    int priority;               /* of the second one; the first has 0 */
    const char *words;          /* NULL: none */
};

static const struct warning warnings[] = {
    {"'group':'x'", "'group':'y'", 0, NULL},
    {"'group':'x*'", "'group':'*y'", 0, "tie"},
    {"'group':'x*'", "'group':'y*'", 0, NULL},
    {"'group':'x?z'", "'group':'xy*'", 0, "tie"},
    {"'group':'a*b*c'", "'group':'a?d*'", 0, "tie"},
    {"'group':'a?c'", "'group':'a*dd'", 0, NULL},
    {"'group':'x*'", "'group':'*y'", 1, NULL},
    {"'group':'x'", "'client.id':'y'", 0, "tie"},
    {"'attributes':{'k':'x'}", "'attributes':{'l':'x'}", 0, "tie"},
    {"'attributes':{'k':'x'}", "'attributes':{'k':'y'}", 0, NULL},
    {"'group':'x'", "", 1, "rule one is never reached"},
    {"'group':'x'", "'group':'*'", 1, "rule one is never reached"},
    {"'group':'x'", "'group':['y','x*']", 1, "rule one is never reached"},
    {"'group':['x','z']", "'group':['y','x*']", 1, NULL},
    {"'group':'x*'", "'group':'x?'", 1, NULL},
    {"'group':'x-*'", "'group':'x*'", 1, "rule one is never reached"},
    {"", "'group':'*'", 1, "rule one is never reached"},
    {"", "'attributes':{'k':'*'}", 1, NULL},
    {"'attributes':{'k':'x'}", "'attributes':{'k':'*'}", 1,
     "rule one is never reached"},
    {"'group':'x'", "'group':'x'", -1, "rule two is never reached"},
    {"'group':'x'", "'group':'x'", 0, "rule two is never reached"},
    {"'group':'é?'",
     "'group':'?"
     "?'",
     1, "rule one is never reached"},
    {"'group':'?"
     "?c?'",
     "'group':'éc?'", 0, NULL},
    /* roles are only two */
    {"'role':'p*'", "'role':'*ducer'", 1, "rule one is never reached"},
    {"'role':'p*'", "'role':'*sumer'", 0, NULL},
    {"'role':['producer','consumer']", "'group':'*'", 1,
     "rule one is never reached"},
    {"", "'not':{'role':'producer'}", 1, NULL},
    /* exclusions */
    {"'group':'x'", "'not':{'group':'x'}", 1, NULL},
    {"'group':'x'", "'not':{'group':'y'}", 1, "rule one is never reached"},
    {"'group':'x*'", "'not':{'group':'*y'}", 1, NULL},
    {"'group':'x*'", "'not':{'group':'y*'}", 1, "rule one is never reached"},
    {"", "'not':{'group':'y*'}", 1, NULL},
    {"'not':{'group':'y*'}", "'not':{'group':'yy*'}", 1,
     "rule one is never reached"},
    {"'not':{'group':'yy*'}", "'not':{'group':'y*'}", 1, NULL},
    {"'attributes':{'k':'x'}", "'not':{'attributes':{'k':'y'}}", 1,
     "rule one is never reached"},
    {"'attributes':{'k':'*'}", "'not':{'attributes':{'k':'y'}}", 1, NULL},
    {"", "'not':{'attributes':{'k':'y'}}", 1, NULL},
    {"'not':{'attributes':{'k':'y'}}", "'not':{'attributes':{'k':'z'}}", 0,
     "tie"},
    {"'group':'x*','client.id':'*'", "'client.id':'c*','not':{'group':'x*'}", 0,
     NULL},
    {"'group':'x','role':'*'", "'client.id':'c','not':{'group':'xy'}", 0,
     "tie"},
    {"'group':'x','not':{'group':'x'}", "'client.id':'c'", 0,
     "rule one matches nobody: what it names is excluded"},
    {"'not':{'topic':'*'}", "'client.id':'c'", 5, "rule one matches nobody"},
    {"'role':'c*','not':{'role':'consumer'}", "'client.id':'c'", 0,
     "rule one matches nobody"},
    {"'not':{'attributes':{'k':'*'}}", "'client.id':'c'", 5, NULL},
    /* shares */
    {"'share':0,'share.by':'group'", "'client.id':'c'", 5,
     "rule one matches nobody: its share is 0"},
    {"'group':'x'", "'share':50,'share.by':'client.id'", 1, NULL},
    {"'group':'x'", "'share':100,'share.by':'cluster.code'", 1,
     "rule one is never reached"},
    {"'group':'x'", "'share':100,'share.by':'client.id'", 1, NULL},
    {"'group':'xy','share':10,'share.by':'client.id'", "'group':'x*'", 5,
     "rule one is never reached"},
    {"'group':'x','share':20,'share.by':'client.id'",
     "'group':'x','not':{'client.id':'z'}", 0, "tie"},
    {"'share':40,'share.by':'group'", "'share':30,'share.by':'group'", 0,
     "tie"},
    {"'share':40,'share.by':'group'", "'share':30,'share.by':'client.id'", 0,
     "tie"},
};

START_TEST(warned)
{
    const struct warning *w = &warnings[_i];
    char put[1024];
    (void)snprintf(put, sizeof(put),
                   "{'op':'put','rule':{'id':'one','match':"
                   "{'topic':'u'%s%s},'cluster':'a'}},"
                   "{'op':'put','rule':{'id':'two','priority':%d,'match':"
                   "{'topic':'u'%s%s},'cluster':'b'}}",
                   *w->first ? "," : "", w->first, w->priority,
                   *w->second ? "," : "", w->second);
    struct strlist out = warnings_of(put, 0);
    assert_warned(&out, w->words);
    strlist_fini(&out);
}
END_TEST

/* ---- windows ------------------------------------------------------------- */

struct windowed {
    const char *one, *two; /* two comes first, and matches all of one */
    const char *words;
};

/* The table's time is 0:30. */
static const struct windowed windows[] = {
    {"", "", "rule one is never reached"},
    {"", "'valid_from':'1970-01-01T00:30:00Z'", "rule one is never reached"},
    {"", "'valid_from':'1970-01-01T00:30:01Z'", NULL},
    {"", "'valid_until':'1970-01-01T02:00:00Z'", NULL},
    {"'valid_until':'1970-01-01T02:00:00Z'",
     "'valid_until':'1970-01-01T02:00:00Z'", "rule one is never reached"},
    {"'valid_until':'1970-01-01T02:00:01Z'",
     "'valid_until':'1970-01-01T02:00:00Z'", NULL},
    {"'valid_from':'1970-01-01T01:00:00Z'",
     "'valid_from':'1970-01-01T01:00:00Z'", "rule one is never reached"},
    {"'valid_from':'1970-01-01T01:00:00Z'",
     "'valid_from':'1970-01-01T01:00:01Z'", NULL},
    {"'valid_until':'1970-01-01T00:30:00Z'", "", "rule one is never in force"},
    {"'valid_until':'1970-01-01T00:10:00Z'",
     "'valid_until':'1970-01-01T00:20:00Z'", "both"},
    {"'enabled':false", "", NULL},
    {"", "'enabled':false", NULL},
};

START_TEST(warned_within_windows)
{
    const struct windowed *w = &windows[_i];
    char put[1024];
    (void)snprintf(put, sizeof(put),
                   "{'op':'put','rule':{'id':'one','match':{'group':'g'},"
                   "'cluster':'a'%s%s}},"
                   "{'op':'put','rule':{'id':'two','priority':1,"
                   "'cluster':'b'%s%s}}",
                   *w->one ? "," : "", w->one, *w->two ? "," : "", w->two);
    struct strlist out = warnings_of(put, 30 * 60 * 1000);
    if (w->words && strcmp(w->words, "both") == 0)
        ck_assert_uint_eq(out.n, 2);
    else
        assert_warned(&out, w->words);
    strlist_fini(&out);
}
END_TEST

/* Two that tie are not said to if they are never in force together. */
START_TEST(ties_within_windows)
{
    struct strlist out = warnings_of(
        "{'op':'put','rule':{'id':'one','match':{'group':'*x'},'cluster':'a',"
        "'valid_until':'2030-01-01T00:00:00Z'}},"
        "{'op':'put','rule':{'id':'two','match':{'group':'x*'},'cluster':'a',"
        "'valid_from':'2030-01-01T00:00:00Z'}}",
        0);
    assert_warned(&out, NULL);
    out = warnings_of("{'op':'put','rule':{'id':'two','match':{'group':'x*'},"
                      "'cluster':'a','valid_from':'2029-12-31T23:59:59Z'}}",
                      0);
    assert_warned(&out, "tie");
    strlist_fini(&out);
}
END_TEST

/* Not more than a person would read, and no more work than is allowed. */
START_TEST(not_too_many)
{
    char *put = malloc(4 << 20);
    size_t n = 0;
    ck_assert_ptr_nonnull(put);
    for (int i = 0; i < 12000; i++)
        n += (size_t)sprintf(put + n,
                             "%s{'op':'put','rule':{'id':'r%d','cluster':'a',"
                             "'match':{'group':'%05d*'}}}",
                             i ? "," : "", i, i);
    struct strlist out = warnings_of(put, 0);
    ck_assert_uint_eq(out.n, 2);
    ck_assert_msg(strstr(out.v[out.n - 1], "were compared with") != NULL, "%s",
                  out.v[out.n - 1]);
    strlist_fini(&out);
    out = warnings_of("{'op':'put','rule':{'id':'n','cluster':'a','match':"
                      "{'client.id':'c*'}}}",
                      0);
    ck_assert_uint_eq(out.n, 11);
    ck_assert_str_eq(out.v[10], "there may be more like these about rule n");
    strlist_fini(&out);
    free(put);
}
END_TEST

/* Rules with values of their own need not be compared with one another, however
 * many there are: nothing is cut short, neither of all nor of one more. */
START_TEST(narrow_rules_are_cheap)
{
    char *put = malloc(4 << 20);
    size_t n = 0;
    ck_assert_ptr_nonnull(put);
    for (int i = 0; i < 12000; i++)
        n += (size_t)sprintf(put + n,
                             "%s{'op':'put','rule':{'id':'r%d','cluster':'a',"
                             "'match':{'attributes':{'flink.id':'%d'}}}}",
                             i ? "," : "", i, i);
    struct strlist out = warnings_of(put, 0);
    assert_warned(&out, NULL);
    out = warnings_of("{'op':'put','rule':{'id':'n','cluster':'a','match':"
                      "{'attributes':{'flink.id':'77'}}}}",
                      0);
    assert_warned(&out, "rule r77 is never reached: n comes first");
    strlist_fini(&out);
    free(put);
}
END_TEST

/* ---- default rules ------------------------------------------------------- */

struct coded {
    const char *operations;
    const char *code; /* that is said to have no default; NULL: none is */
};

#define RULE(id, match) MADE_RULE(id, "0", match, "a")

static const struct coded coded[] = {
    {RULE("r", "'cluster.code':'c'"), NULL},
    {RULE("r", "'cluster.code':'c','topic':'*','group':'*'"), NULL},
    {RULE("r", "'cluster.code':'c','role':['producer','consumer']"), NULL},
    {RULE("r", "'cluster.code':'c','role':'consumer'"), "c"},
    {RULE("r", "'cluster.code':'c','topic':'?*'"), "c"},
    {RULE("r", "'cluster.code':'c','attributes':{'k':'*'}"), "c"},
    {RULE("r", "'cluster.code':'c','not':{'group':'g'}"), "c"},
    {RULE("r", "'cluster.code':'c','share':99,'share.by':'cluster.code'"), "c"},
    {RULE("r", "'cluster.code':'c','share':100,'share.by':'cluster.code'"),
     NULL},
    {RULE("r", "'cluster.code':'c','topic':'t'") "," RULE("s", ""), NULL},
    {RULE("r", "'cluster.code':'c','topic':'t'") "," RULE("s",
                                                          "'cluster.code':'*'"),
     NULL},
    {RULE("r", "'cluster.code':['c','d'],'topic':'t'") "," RULE(
         "s", "'cluster.code':['d','e']"),
     "c"},
    {MADE_RULE("r", "1", "'group':'t'", "a"), NULL},
    {RULE("r", "'cluster.code':'c*','topic':'t'"), NULL},
    {"{'op':'delete','rule':'old'}", "old"},
    {MADE_RULE("old", "1", "'cluster.code':'old','role':'consumer'", "a"),
     "old"},
    {"{'op':'delete','rule':'old'},{'op':'delete','rule':'old2'}", NULL},
    {"{'op':'put','rule':{'id':'old','cluster':'a','enabled':false,'match':"
     "{'cluster.code':'old'}}}",
     "old"},
    {"{'op':'put','rule':{'id':'old','cluster':'a','match':{'cluster.code':"
     "'old'},'valid_until':'2030-01-01T00:00:00Z'}}",
     "old"},
    {"{'op':'put','rule':{'id':'old','cluster':'a','match':{'cluster.code':"
     "'old'},'valid_from':'1970-01-01T00:00:01Z'}}",
     "old"},
};

START_TEST(default_rules)
{
    const struct coded *w = &coded[_i];
    struct strlist out =
        warnings_of(RULE("old", "'cluster.code':'old'") "," RULE(
                        "old2", "'cluster.code':'old','topic':'t'"),
                    0);
    assert_warned(&out, NULL);
    out = warnings_of(w->operations, 0);
    char words[60];
    (void)snprintf(words, sizeof(words), "cluster code %s has no default rule",
                   w->code ? w->code : "");
    assert_warned(&out, w->code ? words : NULL);
    strlist_fini(&out);
}
END_TEST

/* ---- one dimension, all texts -------------------------------------------- */

static unsigned seed;

static const char *
one_of(const char *const *v, unsigned n)
{
    return v[(unsigned)rand_r(&seed) % n];
}

static const char *const patterns[] = {
    "'a'",  "'b'",   "'*'",        "'a*'",        "['a','b']",
    "'?'",  "'*b'",  "'ab'",       "'?\xc3\xa9'", "'?*'",
    "'a?'", "'*a*'", "['b','a?']", "'\xc3\xa9*'"};
#define PATTERNS (sizeof(patterns) / sizeof(patterns[0]))

static struct pt_rule
rule_of(const char *id, const char *match)
{
    char text[1200];
    struct pt_rule r;
    struct err err;
    (void)snprintf(text, sizeof(text), "{'id':'%s','cluster':'a','match':{%s}}",
                   id, match);
    struct json_t *j = json_of(text);
    ck_assert_msg(pt_rule_decode(j, "", &r, &err) == 0, "%s: %s", text,
                  err.text);
    js_free(j);
    return r;
}

static struct pt_rule
random_group_rule(const char *id, bool plain)
{
    char match[300] = "";
    size_t n = 0;
    if (rand_r(&seed) % 4)
        n += (size_t)snprintf(match, sizeof(match), "'group':%s,",
                              one_of(patterns, PATTERNS));
    if (!plain && rand_r(&seed) % 2)
        n +=
            (size_t)snprintf(match + n, sizeof(match) - n,
                             "'not':{'group':%s},", one_of(patterns, PATTERNS));
    if (!plain && rand_r(&seed) % 4 == 0)
        n += (size_t)snprintf(match + n, sizeof(match) - n,
                              "'share':%d,'share.by':'group',",
                              rand_r(&seed) % 101);
    if (n)
        match[n - 1] = '\0';
    return rule_of(id, match);
}

#define TEXTS 8000

/* Every text of up to three of these characters, and what the patterns become
 * when they are filled. */
static size_t
all_texts(char out[][16])
{
    static const char *const chars[] = {"a", "b", "\xc3\xa9", "q"};
    size_t n = 1;
    out[0][0] = '\0';
    for (size_t from = 0, to = 1, len = 0; len < 3; len++) {
        for (size_t i = from; i < to; i++)
            for (size_t k = 0; k < 4; k++)
                (void)snprintf(out[n++], 16, "%.9s%s", out[i], chars[k]);
        from = to;
        to = n;
    }
    static const char *const globs[] = {
        "*", "a*", "?", "*b", "?\xc3\xa9", "?*", "*a*", "a?", "\xc3\xa9*"};
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    for (int i = 0; i <= 200; i++)
        for (size_t k = 0; k < sizeof(globs) / sizeof(globs[0]); k++) {
            char star[8] = "";
            if (i < 200)
                (void)snprintf(star, sizeof(star), "q%d", i);
            char *text =
                pattern_filled(globs[k], star, i < 200 ? letters[i % 26] : '-');
            (void)snprintf(out[n++], 16, "%s", text);
            free(text);
        }
    ck_assert_uint_lt(n, TEXTS);
    return n;
}

static bool
matches_group(const struct pt_rule *r, char *group)
{
    const struct pt_identity id = {.group = group};
    return match_rule(r, &id, "", NULL);
}

START_TEST(said_of_one_dimension)
{
    static char texts[TEXTS][16];
    const size_t n = all_texts(texts);
    int overlaps = 0;
    int covers = 0;
    seed = (unsigned)_i;
    for (int i = 0; i < 150; i++) {
        const bool plain = i % 2;
        struct pt_rule a = random_group_rule("a", plain);
        struct pt_rule b = random_group_rule("b", plain);
        const bool overlap = rules_overlap(&a, &b);
        const bool cover = rule_covers(&a, &b);
        const bool nothing = rule_matches_nothing(&a);
        bool both = false;
        for (size_t k = 0; k < n; k++) {
            const bool in_a = matches_group(&a, texts[k]);
            const bool in_b = matches_group(&b, texts[k]);
            both |= in_a && in_b;
            ck_assert(!cover || !in_b || in_a);
            ck_assert(!nothing || !in_a);
        }
        ck_assert(!overlap || both);
        ck_assert(!plain || overlap == both); /* exact */
        overlaps += overlap;
        covers += cover;
        pt_rule_fini(&a);
        pt_rule_fini(&b);
    }
    ck_assert_int_gt(overlaps, 30);
    ck_assert_int_gt(covers, 15);
}
END_TEST

/* ---- all dimensions, whole tables ---------------------------------------- */

static size_t
random_dimensions(char *out, size_t size, unsigned chance)
{
    static const char *const dims[] = {"cluster.code", "topic", "group",
                                       "client.id"};
    static const char *const few[] = {"'a'", "'b'", "'*'", "'a*'", "'?'"};
    size_t n = 0;
    for (size_t i = 0; i < 4; i++)
        if ((unsigned)rand_r(&seed) % 10 < chance)
            n += (size_t)snprintf(out + n, size - n, "'%s':%s,", dims[i],
                                  one_of(few, 5));
    if ((unsigned)rand_r(&seed) % 10 < chance)
        n += (size_t)snprintf(out + n, size - n, "'role':'%s',",
                              rand_r(&seed) % 2 ? "producer" : "c*");
    if ((unsigned)rand_r(&seed) % 10 < chance)
        n += (size_t)snprintf(out + n, size - n, "'attributes':{'x':%s},",
                              one_of(few, 5));
    return n;
}

#define TABLE_RULES 10

static void
random_rules(char *out, size_t size)
{
    size_t n = 0;
    for (int i = 0; i < TABLE_RULES; i++) {
        n += (size_t)snprintf(out + n, size - n,
                              "%s{'op':'put','rule':{'id':'r%d','cluster':'a',"
                              "'priority':%d,'enabled':%s,"
                              "'valid_from':'1970-01-01T00:00:0%dZ',",
                              i ? "," : "", i, rand_r(&seed) % 2,
                              rand_r(&seed) % 8 ? "true" : "false",
                              rand_r(&seed) % 3);
        if (rand_r(&seed) % 2)
            n += (size_t)snprintf(out + n, size - n,
                                  "'valid_until':'1970-01-01T00:00:0%dZ',",
                                  3 + rand_r(&seed) % 4);
        n += (size_t)snprintf(out + n, size - n, "'match':{");
        n += random_dimensions(out + n, size - n, 2);
        if (rand_r(&seed) % 6 == 0)
            n += (size_t)snprintf(out + n, size - n,
                                  "'share':%d,'share.by':'cluster.code',",
                                  rand_r(&seed) % 2 ? 100 : 0);
        n += (size_t)snprintf(out + n, size - n, "'not':{");
        const size_t len = random_dimensions(out + n, size - n, 1);
        n += len ? len - 1 : 0;
        n += (size_t)snprintf(out + n, size - n, "}}}}");
    }
}

#define IDENTITIES (3 * 2 * 4 * 4 * 4 * 4)

/* All that the patterns can tell apart, nearly. */
static struct pt_identity
identity_of(int i, const char **topic)
{
    static char a[] = "a", b[] = "b", ab[] = "ab", none[] = "", key[] = "x";
    static char producer[] = "producer", consumer[] = "consumer";
    static char *const values[] = {a, b, ab, none};
    static char *const roles[] = {producer, consumer};
    static struct prop x = {.key = key};
    struct pt_identity id = {.cluster_code = values[i % 3]};
    id.role = roles[i / 3 % 2];
    *topic = values[i / 6 % 4];
    id.group = values[i / 24 % 4];
    id.client_id = values[i / 96 % 4];
    x.value = values[i / 384];
    id.attrs = (struct props){.v = &x, .n = *x.value ? 1 : 0};
    return id;
}

/* Ever, for anybody. */
static bool
ever_wins(const struct table *t, const char *rule)
{
    struct items all = table_items(t, KIND_RULE);
    bool wins = false;
    for (int64_t now = t->time_ms; now < 9000 && !wins; now += 500)
        for (int i = 0; i < IDENTITIES && !wins; i++) {
            const char *topic;
            const struct pt_identity id = identity_of(i, &topic);
            const struct item *won = NULL;
            for (size_t k = 0; k < all.n; k++)
                if (match_in_force(&all.v[k]->u.rule, now) &&
                    match_rule(&all.v[k]->u.rule, &id, topic, NULL) &&
                    (!won || match_compare(all.v[k], won) < 0))
                    won = all.v[k];
            wins = won && strcmp(won->key, rule) == 0;
        }
    free(all.v);
    return wins;
}

/* By one rule, at all times. */
static bool
everybody_matched(const struct table *t, const char *code)
{
    struct items all = table_items(t, KIND_RULE);
    bool found = false;
    for (size_t k = 0; k < all.n && !found; k++) {
        const struct pt_rule *r = &all.v[k]->u.rule;
        found = match_in_force(r, t->time_ms) && r->valid_until == PT_NO_END;
        for (int i = 0; i < IDENTITIES && found; i++) {
            const char *topic;
            const struct pt_identity id = identity_of(i, &topic);
            found = strcmp(id.cluster_code, code) != 0 ||
                    match_rule(r, &id, topic, NULL);
        }
    }
    free(all.v);
    return found;
}

static bool
said_of_code(const struct strlist *said, const char *code)
{
    char words[60];
    (void)snprintf(words, sizeof(words), "cluster code %s has no", code);
    for (size_t i = 0; i < said->n; i++)
        if (str_starts_with(said->v[i], words))
            return true;
    return false;
}

static bool
names_code(const struct table *t, const char *code)
{
    struct items all = table_items(t, KIND_RULE);
    bool named = false;
    for (size_t k = 0; k < all.n; k++) {
        const struct pt_rule *r = &all.v[k]->u.rule;
        named |= r->enabled && t->time_ms < r->valid_until &&
                 match_all_literal(&r->match.cluster_code) &&
                 strlist_has(&r->match.cluster_code, code);
    }
    free(all.v);
    return named;
}

/* "never reached", "never in force", "matches nobody": none of them ever wins. */
START_TEST(never_wrong)
{
    int said = 0;
    seed = (unsigned)_i;
    for (int round = 0; round < 12; round++) {
        char put[12000];
        char rule[20];
        random_rules(put, sizeof(put));
        struct strlist out = warnings_of(put, 1000 + 500 * (round % 5));
        for (size_t i = 0; i < out.n; i++) {
            if (!str_starts_with(out.v[i], "rule "))
                continue;
            ck_assert_int_eq(sscanf(out.v[i], "rule %19[^ ]", rule), 1);
            ck_assert_msg(!ever_wins(head, rule), "%s\n%s", out.v[i], put);
            said++;
        }
        for (const char *code = "a"; code; code = *code == 'a' ? "b" : NULL)
            if (names_code(head, code))
                ck_assert_msg(said_of_code(&out, code) !=
                                  everybody_matched(head, code),
                              "%s\n%s", code, put);
        strlist_fini(&out);
        table_unref(head);
        setup();
    }
    ck_assert_int_gt(said, 5); /* or the test says nothing */
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

static Suite *
suite(void)
{
    Suite *s = suite_create("warnings");
    TCase *t = tcase_create("warnings");
    tcase_set_timeout(t, 240); /* sanitizers take their time */
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, warned, 0, COUNT(warnings));
    tcase_add_loop_test(t, warned_within_windows, 0, COUNT(windows));
    tcase_add_test(t, ties_within_windows);
    tcase_add_test(t, not_too_many);
    tcase_add_test(t, narrow_rules_are_cheap);
    tcase_add_loop_test(t, default_rules, 0, COUNT(coded));
    tcase_add_loop_test(t, said_of_one_dimension, 0, 8);
    tcase_add_loop_test(t, never_wrong, 0, 10);
    suite_add_tcase(s, t);
    return s;
}

MADE_MAIN(suite())
