/* Which rule wins, and why the others do not. */
#include "route-service/match.h"

#include <xxhash.h>

#include "tests/unit/route-service/made.h"

#define ID                                                                     \
    "{'cluster.code':'orders','role':'consumer','group':'billing',"            \
    "'client.id':'c1','topics':['orders'],'attributes':{'zone':'z1'}}"

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

static void
assert_winner(const char *identity, const char *topic, const char *rule)
{
    struct pt_identity id = made_identity(identity);
    const struct item *won = match_winner(head, &id, topic);
    if (rule) {
        ck_assert_ptr_nonnull(won);
        ck_assert_str_eq(won->key, rule);
    } else {
        ck_assert_msg(!won, "%s won", won ? won->key : "");
    }
    pt_identity_fini(&id);
}

struct one {
    const char *match;
    const char *topic;
    bool wins;
};

static const struct one ones[] = {
    {"", "orders", true},
    {"'cluster.code':'orders'", "orders", true},
    {"'cluster.code':'order'", "orders", false},
    {"'cluster.code':'ord*'", "orders", true},
    {"'cluster.code':'ord?rs'", "orders", true},
    {"'cluster.code':'ord?'", "orders", false},
    {"'cluster.code':['x','orders']", "orders", true},
    {"'cluster.code':['x','y*']", "orders", false},
    {"'role':'consumer'", "orders", true},
    {"'role':'producer'", "orders", false},
    {"'topic':'orders'", "orders", true},
    {"'topic':'orders'", "orders-eu", false},
    {"'topic':['orders','orders-*']", "orders-eu", true},
    {"'topic':'orders'", "", false},
    {"'topic':'*'", "", true},
    {"'topic':'?*'", "", false},
    {"'group':'billing'", "orders", true},
    {"'group':'b'", "orders", false},
    {"'client.id':'c?'", "orders", true},
    {"'client.id':'d?'", "orders", false},
    {"'attributes':{'zone':'z1'}", "orders", true},
    {"'attributes':{'zone':'z2'}", "orders", false},
    {"'attributes':{'zone':['z2','z*']}", "orders", true},
    {"'attributes':{'rack':'*'}", "orders", false},
    {"'attributes':{'zone':'z1','rack':'*'}", "orders", false},
    {"'not':{'cluster.code':'orders'}", "orders", false},
    {"'not':{'cluster.code':'x'}", "orders", true},
    {"'not':{'role':'producer'}", "orders", true},
    {"'not':{'role':'c*'}", "orders", false},
    {"'not':{'topic':['x','orders']}", "orders", false},
    {"'not':{'topic':['x','orders-*']}", "orders", true},
    {"'not':{'topic':['x','orders-*']}", "orders-eu", false},
    {"'topic':'orders*','not':{'topic':'*-eu'}", "orders-us", true},
    {"'topic':'orders*','not':{'topic':'*-eu'}", "orders-eu", false},
    {"'not':{'topic':'*'}", "", false},
    {"'not':{'topic':'?*'}", "", true},
    {"'not':{'group':'billing'}", "orders", false},
    {"'not':{'client.id':'c1'}", "orders", false},
    {"'not':{'client.id':'c2'}", "orders", true},
    {"'not':{'attributes':{'zone':'z1'}}", "orders", false},
    {"'not':{'attributes':{'zone':'z2'}}", "orders", true},
    {"'not':{'attributes':{'rack':'*'}}", "orders", true},
    {"'not':{'attributes':{'rack':'*','zone':'*'}}", "orders", false},
    {"'group':'billing','not':{'client.id':'d*'}", "orders", true},
    {"'group':'audit','not':{'client.id':'d*'}", "orders", false},
    {"'share':100,'share.by':'group'", "orders", true},
    {"'share':0,'share.by':'group'", "orders", false},
    {"'share':100,'share.by':'cluster.code'", "orders", true},
    {"'share':100,'share.by':'client.id'", "orders", true},
    {"'share':100,'share.by':'topic'", "orders", true},
    {"'share':100,'share.by':'topic'", "", false},
    {"'share':100,'share.by':'attributes.zone'", "orders", true},
    {"'share':100,'share.by':'attributes.rack'", "orders", false},
};

START_TEST(one_rule)
{
    char put[512];
    (void)snprintf(put, sizeof(put),
                   "{'op':'put','rule':{'id':'r','match':{%s},"
                   "'cluster':'a'}}",
                   ones[_i].match);
    made_push(&head, put);
    assert_winner(ID, ones[_i].topic, ones[_i].wins ? "r" : NULL);
}
END_TEST

/* A client without group or client id: only `*` matches what it leaves out. */
START_TEST(left_out)
{
    static const char id[] = "{'cluster.code':'orders','role':'consumer'}";
    made_push(&head, MADE_RULE("g", "1", "'group':'?*'", "a"));
    made_push(&head, MADE_RULE("c", "1", "'client.id':'x'", "a"));
    assert_winner(id, "orders", NULL);
    made_push(&head, MADE_RULE("s", "0", "'group':'*'", "a"));
    assert_winner(id, "orders", "s");
}
END_TEST

START_TEST(priority_first)
{
    made_push(&head,
              MADE_RULE("low", "1", "'cluster.code':'orders','topic':'orders'",
                        "a") "," MADE_RULE("high", "2", "", "b"));
    assert_winner(ID, "orders", "high");
    made_push(&head, MADE_RULE("high", "-5", "", "b"));
    assert_winner(ID, "orders", "low");
}
END_TEST

START_TEST(literal_dimensions_then_dimensions_then_id)
{
    made_push(&head, MADE_RULE("e", "0", "", "a"));
    assert_winner(ID, "orders", "e");
    made_push(&head, MADE_RULE("d", "0", "'topic':'o*'", "a"));
    assert_winner(ID, "orders", "d");
    made_push(&head,
              MADE_RULE("c", "0", "'topic':'o*','group':'b*','role':'*'", "a"));
    assert_winner(ID, "orders", "c");
    made_push(&head, MADE_RULE("z", "0", "'topic':'orders'", "a"));
    assert_winner(ID, "orders", "z");
    made_push(&head, MADE_RULE("y", "0", "'group':'billing'", "b"));
    assert_winner(ID, "orders", "y");
    made_push(&head, MADE_RULE("x", "0",
                               "'group':['billing','bil*'],"
                               "'topic':'orders'",
                               "b"));
    assert_winner(ID, "orders", "x");
}
END_TEST

START_TEST(attributes_are_dimensions)
{
    made_push(&head,
              MADE_RULE("a1", "0", "'topic':'orders'",
                        "a") "," MADE_RULE("z1", "0",
                                           "'topic':'orders','attributes':"
                                           "{'zone':'z1'}",
                                           "b"));
    assert_winner(ID, "orders", "z1");
}
END_TEST

START_TEST(disabled_never_wins)
{
    made_push(&head, "{'op':'put','rule':{'id':'r','enabled':false,"
                     "'priority':9,'cluster':'a'}}");
    assert_winner(ID, "orders", NULL);
    made_push(&head, MADE_RULE("s", "0", "", "b"));
    assert_winner(ID, "orders", "s");
}
END_TEST

/* The order in which rules were put must not matter. */
START_TEST(deterministic)
{
    static const char *const rules[] = {
        MADE_RULE("r1", "0", "'topic':'o*'", "a"),
        MADE_RULE("r2", "0", "'group':'b*'", "b"),
        MADE_RULE("r3", "0", "'client.id':'c*'", "a"),
    };
    for (int i = 0; i < 3; i++)
        made_push(&head, rules[(_i + i) % 3]);
    assert_winner(ID, "orders", "r1");
}
END_TEST

/* What is only excluded, and a share, are named, not literal. */
START_TEST(rank_of_not_and_share)
{
    static const struct {
        const char *match;
        int literal, dimensions;
    } v[] = {
        {"", 0, 0},
        {"'group':'g','not':{'group':'h'}", 1, 1},
        {"'not':{'group':'h'}", 0, 1},
        {"'group':'g','not':{'topic':'h'}", 1, 2},
        {"'share':5,'share.by':'group'", 0, 1},
        {"'group':['g','h'],'share':5,'share.by':'group'", 1, 2},
        {"'attributes':{'x':'1'},'not':{'attributes':{'x':'2','y':'3'}}", 1, 2},
        {"'role':'*','not':{'role':'producer','cluster.code':'x',"
         "'client.id':'y'}",
         0, 3},
    };
    for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
        char text[300];
        (void)snprintf(text, sizeof(text),
                       "{'op':'put','rule':{'id':'r','match':{%s},"
                       "'cluster':'a'}}",
                       v[i].match);
        struct change c = made_change(text);
        const struct rank rank = c.operations[0].item->rank;
        ck_assert_msg(rank.literal == v[i].literal &&
                          rank.dimensions == v[i].dimensions,
                      "%s: %d, %d", v[i].match, rank.literal, rank.dimensions);
        change_fini(&c);
    }
}
END_TEST

/* ---- shares -------------------------------------------------------------- */

/* As others compute it: these numbers stand in PROTOCOL.md. */
START_TEST(buckets_are_what_the_protocol_says)
{
    ck_assert_int_eq(match_bucket("orders-canary", "billing-7"), 229);
    ck_assert_int_eq(match_bucket("orders-canary", "\xc3\xa9"), 861);
    ck_assert_int_eq(match_bucket("r", ""), 345);
}
END_TEST

static struct pt_rule
canary(const char *id, int share)
{
    char text[200];
    struct pt_rule r;
    (void)snprintf(text, sizeof(text),
                   "{'id':'%s','cluster':'a','match':{'share':%d,"
                   "'share.by':'client.id'}}",
                   id, share);
    struct json_t *j = json_of(text);
    ck_assert_int_eq(pt_rule_decode(j, "", &r, NULL), 0);
    js_free(j);
    return r;
}

/* Who is in stays in when the share grows; its size is about right; another
 * rule has others in it; what else the identity says does not matter. */
START_TEST(shares_are_stable_and_grow)
{
    enum { CLIENTS = 5000 };
    static const int shares[] = {0, 1, 5, 20, 50, 99, 100};
    static bool in[CLIENTS];
    struct pt_rule other = canary("other", 50);
    int both = 0;
    for (size_t s = 0; s < sizeof(shares) / sizeof(shares[0]); s++) {
        struct pt_rule r = canary("canary", shares[s]);
        int n = 0;
        for (int i = 0; i < CLIENTS; i++) {
            char id[40];
            (void)snprintf(id, sizeof(id), "client-%d", i);
            char *group = s % 2 ? id : NULL;
            struct pt_identity who = {.client_id = id, .group = group};
            const bool is_in = match_rule(&r, &who, s % 2 ? "x" : "", NULL);
            ck_assert_msg(is_in || !in[i], "%s left at %d", id, shares[s]);
            in[i] = is_in;
            n += is_in;
            both +=
                shares[s] == 50 && is_in && match_rule(&other, &who, "", NULL);
        }
        const double wanted = CLIENTS * shares[s] / 100.0;
        ck_assert_msg(n > wanted * 0.85 - 5 && n < wanted * 1.15 + 5,
                      "share %d: %d of %d", shares[s], n, CLIENTS);
        pt_rule_fini(&r);
    }
    ck_assert_msg(both > CLIENTS / 5 && both < CLIENTS * 3 / 10, "%d", both);
    pt_rule_fini(&other);
}
END_TEST

/* ---- against another matcher --------------------------------------------- */

/* Written from PROTOCOL.md, without a look at match.c: a list of questions. */
static bool
slow_glob(const char *p, const char *s)
{
    if (!*p)
        return !*s;
    if (*p == '*')
        return slow_glob(p + 1, s) || (*s && slow_glob(p, s + 1));
    return *s && (*p == '?' || *p == *s) && slow_glob(p + 1, s + 1);
}

static bool
slow_any(const struct strlist *l, const char *value)
{
    bool any = false;
    for (size_t i = 0; i < l->n; i++)
        any |= slow_glob(l->v[i], value);
    return any;
}

struct saying {
    const char *value; /* "" : nothing said */
    const struct strlist *in, *out;
};

static const char *
slow_attribute(const struct pt_identity *id, const char *key)
{
    for (size_t i = 0; i < id->attrs.n; i++)
        if (strcmp(id->attrs.v[i].key, key) == 0)
            return id->attrs.v[i].value;
    return NULL;
}

static bool
slow_share(const struct pt_rule *r, const char *value)
{
    char text[100];
    const size_t n = strlen(r->id) + 1;
    if (!value || !*value)
        return false;
    strcpy(text, r->id);
    strcpy(text + n, value);
    return XXH3_64bits(text, n + strlen(value)) % 1000 <
           (uint64_t)r->share * 10;
}

static bool
slow_match(const struct pt_rule *r, const struct pt_identity *id,
           const char *topic)
{
    const char *group = id->group ? id->group : "";
    const char *client = id->client_id ? id->client_id : "";
    const struct pt_match *m = &r->match;
    const struct pt_match *n = &r->not_match;
    const struct saying v[] = {
        {id->cluster_code, &m->cluster_code, &n->cluster_code},
        {id->role, &m->role, &n->role},
        {topic, &m->topic, &n->topic},
        {group, &m->group, &n->group},
        {client, &m->client_id, &n->client_id},
    };
    for (size_t i = 0; i < 5; i++)
        if ((v[i].in->n && !slow_any(v[i].in, v[i].value)) ||
            slow_any(v[i].out, v[i].value))
            return false;
    for (size_t i = 0; i < m->n_attrs; i++) {
        const char *value = slow_attribute(id, m->attrs[i].key);
        if (!value || !slow_any(&m->attrs[i].patterns, value))
            return false;
    }
    for (size_t i = 0; i < n->n_attrs; i++) {
        const char *value = slow_attribute(id, n->attrs[i].key);
        if (value && slow_any(&n->attrs[i].patterns, value))
            return false;
    }
    if (!r->share_by)
        return true;
    if (strcmp(r->share_by, "group") == 0)
        return slow_share(r, group);
    if (strcmp(r->share_by, "client.id") == 0)
        return slow_share(r, client);
    if (strcmp(r->share_by, "topic") == 0)
        return slow_share(r, topic);
    if (strcmp(r->share_by, "cluster.code") == 0)
        return slow_share(r, id->cluster_code);
    return slow_share(r, slow_attribute(id, r->share_by + 11));
}

static const char *
slow_winner(const struct table *t, const struct pt_identity *id,
            const char *topic)
{
    struct items rules = table_items(t, KIND_RULE);
    const struct item *won = NULL;
    for (size_t i = 0; i < rules.n; i++) {
        const struct item *x = rules.v[i];
        const struct pt_rule *r = &x->u.rule;
        if (!r->enabled || t->time_ms < r->valid_from ||
            t->time_ms >= r->valid_until || !slow_match(r, id, topic))
            continue;
        if (!won || x->rank.priority > won->rank.priority ||
            (x->rank.priority == won->rank.priority &&
             (x->rank.literal > won->rank.literal ||
              (x->rank.literal == won->rank.literal &&
               x->rank.dimensions > won->rank.dimensions))))
            won = x; /* by id already: the list is in that order */
    }
    free(rules.v);
    return won ? won->key : "";
}

static unsigned seed;

static const char *
one_of(const char *const *v, unsigned n)
{
    return v[(unsigned)rand_r(&seed) % n];
}

static void
random_dimensions(char *out, size_t size, unsigned chance)
{
    static const char *const patterns[] = {"'a'",        "'b'", "'*'",  "'a*'",
                                           "['a','b']",  "'?'", "'*b'", "'ab'",
                                           "['b','a?']", "'?*'"};
    static const char *const dims[] = {"cluster.code", "topic", "group",
                                       "client.id"};
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < 4; i++)
        if ((unsigned)rand_r(&seed) % 10 < chance)
            n += (size_t)snprintf(out + n, size - n, "'%s':%s,", dims[i],
                                  one_of(patterns, 10));
    if ((unsigned)rand_r(&seed) % 10 < chance)
        n += (size_t)snprintf(out + n, size - n, "'role':'%s',",
                              rand_r(&seed) % 2 ? "producer" : "c*");
    if ((unsigned)rand_r(&seed) % 10 < chance)
        n +=
            (size_t)snprintf(out + n, size - n, "'attributes':{'x':%s,'y':%s},",
                             one_of(patterns, 10), one_of(patterns, 10));
    if (n)
        out[n - 1] = '\0';
}

static void
put_any_rule(int i)
{
    static const char *const by[] = {"group", "client.id", "topic",
                                     "cluster.code", "attributes.x"};
    char in[600];
    char out[600];
    char share[60] = "";
    char put[1600];
    random_dimensions(in, sizeof(in), 4);
    random_dimensions(out, sizeof(out), 1);
    if (rand_r(&seed) % 4 == 0)
        (void)snprintf(share, sizeof(share), "'share':%d,'share.by':'%s',",
                       rand_r(&seed) % 101, one_of(by, 5));
    (void)snprintf(put, sizeof(put),
                   "{'op':'put','rule':{'id':'r%03d','priority':%d,"
                   "'enabled':%s,'match':{%s%s%s'not':{%s}},'cluster':'a',"
                   "'valid_from':'1970-01-01T00:00:0%dZ',"
                   "'valid_until':'1970-01-01T00:00:1%dZ'}}",
                   i, rand_r(&seed) % 2, rand_r(&seed) % 8 ? "true" : "false",
                   in, *in ? "," : "", share, out, rand_r(&seed) % 6,
                   rand_r(&seed) % 6);
    made_push_at(&head, put, 3000 + 300 * i);
}

static struct pt_identity
any_identity(const char **topic)
{
    static const char *const values[] = {"a", "b", "ab", "aa", "cab", "bbb"};
    char text[300];
    size_t n = (size_t)snprintf(
        text, sizeof(text), "{'cluster.code':'%s','role':'%s'",
        one_of(values, 6), rand_r(&seed) % 2 ? "producer" : "consumer");
    static const char *const names[] = {"'group':'", "'client.id':'",
                                        "'attributes':{'x':'"};
    for (size_t i = 0; i < 3; i++)
        if (rand_r(&seed) % 2)
            n += (size_t)snprintf(text + n, sizeof(text) - n, ",%s%s'%s",
                                  names[i], one_of(values, 6),
                                  i < 2               ? ""
                                  : rand_r(&seed) % 2 ? "}"
                                                      : ",'y':'ab'}");
    (void)snprintf(text + n, sizeof(text) - n, "}");
    *topic = rand_r(&seed) % 5 ? one_of(values, 6) : "";
    return made_identity(text);
}

START_TEST(as_the_slow_matcher)
{
    seed = (unsigned)_i + 1;
    int won = 0;
    for (int i = 0; i < 40; i++) {
        put_any_rule(i);
        for (int k = 0; k < 60; k++) {
            const char *topic;
            struct pt_identity id = any_identity(&topic);
            const struct item *got = match_winner(head, &id, topic);
            ck_assert_str_eq(got ? got->key : "",
                             slow_winner(head, &id, topic));
            won += got != NULL;
            pt_identity_fini(&id);
        }
    }
    ck_assert_int_gt(won, 400); /* or the test says nothing */
    ck_assert_int_lt(won, 2300);
}
END_TEST

/* ---- the table's order by cluster code ----------------------------------- */

static const char *
any_of(const char *const *v, size_t n)
{
    return v[(size_t)rand() % n];
}

static void
put_random_rule(int i)
{
    static const char *const codes[] = {
        "'a'", "'b'", "'c'",        "['a','b']",    "['b','c','b']",
        "'*'", "'?'", "['a','b*']", "['c','d','a']"};
    static const char *const topics[] = {"'t1'", "'t2'", "'t*'", "'*'"};
    char put[256];
    (void)snprintf(put, sizeof(put),
                   "{'op':'put','rule':{'id':'r%d','priority':%d,"
                   "'enabled':%s,'match':{'cluster.code':%s,'topic':%s},"
                   "'cluster':'a'}}",
                   i, rand() % 3, rand() % 8 ? "true" : "false",
                   any_of(codes, sizeof(codes) / sizeof(codes[0])),
                   any_of(topics, 4));
    made_push(&head, put);
}

/* Looks at every rule, in any order. */
static const struct item *
naive_winner(const struct pt_identity *id, const char *topic)
{
    const struct items rules = table_items(head, KIND_RULE);
    const struct item *won = NULL;
    for (size_t i = 0; i < rules.n; i++) {
        const struct item *rule = rules.v[i];
        if (rule->u.rule.enabled &&
            match_rule(&rule->u.rule, id, topic, NULL) &&
            (!won || match_compare(rule, won) < 0))
            won = rule;
    }
    free(rules.v);
    return won;
}

START_TEST(same_as_looking_at_all)
{
    static const char *const codes[] = {"a", "b", "c", "d", "bx", "none"};
    static const char *const topics[] = {"t1", "t2", "t3", "", "x"};
    srand((unsigned)_i);
    for (int n = 0; n < 40; n++) {
        put_random_rule(n);
        for (int k = 0; k < 30; k++) {
            char text[100];
            (void)snprintf(text, sizeof(text),
                           "{'cluster.code':'%s','role':'consumer'}",
                           codes[k % 6]);
            struct pt_identity id = made_identity(text);
            const char *topic = topics[k / 6];
            const struct item *wanted = naive_winner(&id, topic);
            struct candidate v[64];
            size_t won = 0;
            ck_assert_ptr_eq(match_winner(head, &id, topic), wanted);
            const size_t found = match_explain(head, &id, topic, v, 64);
            for (size_t i = 0; i < found; i++) {
                won += v[i].won;
                ck_assert(!v[i].won || v[i].rule == wanted);
                ck_assert(i == 0 ||
                          match_compare(v[i - 1].rule, v[i].rule) < 0);
            }
            ck_assert_uint_eq(won, wanted ? 1 : 0);
            pt_identity_fini(&id);
        }
    }
}
END_TEST

/* Windows are judged by the table's time. */
START_TEST(in_force_within_its_window)
{
    made_push_at(&head,
                 "{'op':'put','rule':{'id':'w','priority':9,'cluster':'b',"
                 "'valid_from':'1970-01-01T00:00:10Z',"
                 "'valid_until':'1970-01-01T00:00:20Z'}},"
                 "{'op':'put','rule':{'id':'r','cluster':'a'}}",
                 9999);
    assert_winner(ID, "orders", "r");
    made_push_at(&head, MADE_CLUSTER("c"), 10000);
    assert_winner(ID, "orders", "w");
    made_push_at(&head, MADE_CLUSTER("d"), 19999);
    assert_winner(ID, "orders", "w");
    made_push_at(&head, MADE_CLUSTER("e"), 20000);
    assert_winner(ID, "orders", "r");
}
END_TEST

static Suite *
suite(void)
{
    Suite *s = suite_create("match");
    TCase *t = tcase_create("match");
    tcase_set_timeout(t, 60); /* sanitizers take their time */
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, one_rule, 0, (int)(sizeof(ones) / sizeof(ones[0])));
    tcase_add_test(t, left_out);
    tcase_add_test(t, priority_first);
    tcase_add_test(t, literal_dimensions_then_dimensions_then_id);
    tcase_add_test(t, attributes_are_dimensions);
    tcase_add_test(t, disabled_never_wins);
    tcase_add_loop_test(t, deterministic, 0, 3);
    tcase_add_test(t, rank_of_not_and_share);
    tcase_add_test(t, buckets_are_what_the_protocol_says);
    tcase_add_test(t, shares_are_stable_and_grow);
    tcase_add_loop_test(t, as_the_slow_matcher, 0, 30);
    tcase_add_test(t, in_force_within_its_window);
    tcase_add_loop_test(t, same_as_looking_at_all, 0, 8);
    suite_add_tcase(s, t);
    return s;
}

MADE_MAIN(suite())
