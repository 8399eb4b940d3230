/*
 * The difference between two tables, restores, whole tables: whatever two
 * tables look like, what is said to make one of the other does.
 */
#include "route-service/diff.h"

#include "tests/unit/route-service/made.h"

static struct table *head;

static void
setup(void)
{
    head = table_empty();
    made_push(&head, MADE_CLUSTER("a") "," MADE_CLUSTER("b") "," MADE_FLOW(
                         "a", "b") "," MADE_RULE("r", "0", "'topic':'t'", "a"));
}

static void
teardown(void)
{
    table_unref(head);
}

/* The table as text, without its revision; the caller frees. */
static char *
text_of(const struct table *t)
{
    struct json_t *j = table_encode(t);
    ck_assert_int_eq(js_put_int(j, "revision", 0), 0);
    char *text = js_dump(j);
    js_free(j);
    return text;
}

static void
assert_same(const struct table *a, const struct table *b)
{
    char *x = text_of(a);
    char *y = text_of(b);
    ck_assert_str_eq(x, y);
    free(x);
    free(y);
}

static void
assert_encoded(const struct differences *d, const char *wanted)
{
    struct json_t *w = json_of(wanted);
    char *a = diff_text(d);
    char *b = js_dump(w);
    ck_assert_str_eq(a, b);
    free(a);
    free(b);
    js_free(w);
}

#define CLUSTER_B "{'name':'b','bootstrap.servers':'b:9092','properties':{}}"
#define RULE_R(cluster)                                                        \
    "{'id':'r','priority':0,'enabled':true,'match':{'topic':['t']},"           \
    "'cluster':'" cluster "','comment':''}"
#define FLOW_BA                                                                \
    "{'source':'b','target':'a','policy':'default','separator':'.',"           \
    "'offset-syncs.topic.location':'source','mappers':[]}"

START_TEST(encoded)
{
    struct table *before = table_ref(head);
    struct differences d;
    struct change c = made_change(
        "{'op':'put','rule':{'id':'r','match':{'topic':'t'},'cluster':'b'}},"
        "{'op':'put','rule':{'id':'gone','cluster':'b'}},"
        "{'op':'delete','flow':'a->b'}," MADE_FLOW("b",
                                                   "a") "," MADE_CLUSTER("a"));
    struct table *after = made_applied(&c, head);
    static const char wanted[] =
        "[{'op':'delete','kind':'flow','key':'a->b','before':"
        "{'source':'a','target':'b','policy':'default','separator':'.',"
        "'offset-syncs.topic.location':'source','mappers':[]},'after':null},"
        "{'op':'put','kind':'flow','key':'b->a','before':null,"
        "'after':" FLOW_BA "},"
        "{'op':'put','kind':'rule','key':'gone','before':null,'after':"
        "{'id':'gone','priority':0,'enabled':true,'match':{},'cluster':'b',"
        "'comment':''}},"
        "{'op':'put','kind':'rule','key':'r','before':" RULE_R(
            "a") ",'after':" RULE_R("b") "}]";
    diff_tables(before, after, &d);
    assert_encoded(&d, wanted);
    differences_fini(&d);
    diff_change(&c, before, after, &d);
    assert_encoded(&d, wanted);
    differences_fini(&d);
    diff_tables(after, after, &d);
    assert_encoded(&d, "[]");
    differences_fini(&d);
    change_fini(&c);
    table_unref(before);
    table_unref(after);
}
END_TEST

/* ---- random tables ------------------------------------------------------- */

static void
random_operation(char *out, size_t size, unsigned *seed)
{
    const int i = rand_r(seed) % 12;
    const char *cluster = rand_r(seed) % 2 ? "a" : "b";
    switch (rand_r(seed) % 5) {
    case 0:
        (void)snprintf(out, size,
                       "{'op':'put','cluster':{'name':'c%d',"
                       "'bootstrap.servers':'h%d:1'}}",
                       i, rand_r(seed) % 3);
        return;
    case 1:
        (void)snprintf(out, size,
                       "{'op':'put','flow':{'source':'b','target':'%s',"
                       "'separator':'%s'}}",
                       rand_r(seed) % 2 ? "a" : "c0",
                       rand_r(seed) % 2 ? "." : "-");
        return;
    case 2:
        (void)snprintf(out, size, "{'op':'delete','rule':'r%d'}", i);
        return;
    case 3:
        (void)snprintf(out, size, "{'op':'delete','cluster':'c%d'}", i);
        return;
    default:
        (void)snprintf(out, size,
                       "{'op':'put','rule':{'id':'r%d','priority':%d,"
                       "'cluster':'%s','valid_until':'203%d-01-01T00:00:00Z',"
                       "'match':{'not':{'group':'g%d'}}}}",
                       i, rand_r(seed) % 3, cluster, rand_r(seed) % 3,
                       rand_r(seed) % 3);
    }
}

/* One operation at a time: those that can't be are left out. */
static struct table *
random_table(struct table *from, unsigned *seed)
{
    struct table *t = table_ref(from);
    for (int i = rand_r(seed) % 40; i > 0; i--) {
        char text[400];
        struct touched touched;
        struct table *next = NULL;
        random_operation(text, sizeof(text), seed);
        struct change c = made_change(text);
        c.time_ms = t->time_ms + 1;
        if (change_apply(&c, t, &next, &touched, NULL) == 0) {
            touched_fini(&touched);
            table_unref(t);
            t = next;
        }
        change_fini(&c);
    }
    return t;
}

static void
assert_becomes(struct change *c, struct table *from, const struct table *past,
               const struct table *to)
{
    struct err err;
    struct touched touched;
    struct differences d;
    struct table *t = NULL;
    c->time_ms = from->time_ms;
    ck_assert_msg(change_resolve(c, from, past, &err) == 0, "%s", err.text);
    ck_assert_msg(change_apply(c, from, &t, &touched, &err) == 0, "%s",
                  err.text);
    touched_fini(&touched);
    assert_same(t, to);
    diff_tables(from, to, &d);
    ck_assert_uint_eq(d.n, c->n);
    ck_assert((t == from) == (d.n == 0));
    differences_fini(&d);
    table_unref(t);
}

/* What stands in the store is read again as the same operations. */
static void
assert_stored(const struct change *c)
{
    struct change again;
    struct err err;
    struct json_t *j = change_encode(c);
    ck_assert_int_eq(js_put_int(j, "revision", 7), 0);
    ck_assert_msg(change_decode_stored(j, &again, &err) == 0, "%s", err.text);
    ck_assert_uint_eq(again.n, c->n);
    ck_assert_int_eq((int)again.form, (int)CHANGE_OPERATIONS);
    change_fini(&again);
    js_free(j);
}

START_TEST(restored)
{
    unsigned seed = (unsigned)_i;
    struct table *past = random_table(head, &seed);
    struct table *now = random_table(past, &seed);
    struct json_t *j = json_of("{'restore':3}");
    struct change c;
    ck_assert_int_eq(change_decode(j, &c, NULL), 0);
    js_free(j);
    assert_becomes(&c, now, past, past);
    assert_stored(&c);
    ck_assert_str_eq(c.comment, "restore of revision 3");
    assert_becomes(&c, past, past, past); /* judged again: another head */
    change_fini(&c);
    table_unref(past);
    table_unref(now);
}
END_TEST

START_TEST(imported)
{
    unsigned seed = (unsigned)_i;
    struct table *wanted = random_table(head, &seed);
    struct table *now = random_table(head, &seed);
    struct json_t *j = js_object();
    struct change c;
    struct err err;
    ck_assert_int_eq(js_put_take(j, "table", table_encode(wanted)), 0);
    ck_assert_msg(change_decode(j, &c, &err) == 0, "%s", err.text);
    js_free(j);
    assert_becomes(&c, now, NULL, wanted);
    assert_stored(&c);
    assert_becomes(&c, wanted, NULL, wanted);
    assert_becomes(&c, head, NULL, wanted);
    change_fini(&c);
    table_unref(wanted);
    table_unref(now);
}
END_TEST

/* ---- refusals ------------------------------------------------------------ */

struct refusal {
    const char *json;
    int code;
    const char *field, *value;
};

#define LISTS(clusters, flows, rules)                                          \
    "{'table':{'clusters':[" clusters "],'flows':[" flows "],'rules':[" rules  \
    "]}}"
#define A "{'name':'a','bootstrap.servers':'h:1'}"

static const struct refusal refusals[] = {
    {"{'operations':[],'restore':1}", ERR_INVALID, "restore", ""},
    {"{'operations':[],'table':{}}", ERR_INVALID, "table", ""},
    {"{'restore':1,'table':{}}", ERR_INVALID, "table", ""},
    {"{'author':'x'}", ERR_INVALID, "operations", ""},
    {"{'restore':-1}", ERR_INVALID, "restore", "-1"},
    {"{'restore':'3'}", ERR_INVALID, "restore", "\"3\""},
    {"{'table':[]}", ERR_INVALID, "table", "[]"},
    {"{'table':{}}", ERR_INVALID, "table.clusters", ""},
    {"{'table':{'clusters':[],'rules':[]}}", ERR_INVALID, "table.flows", ""},
    {"{'table':{'clusters':[],'flows':[]}}", ERR_INVALID, "table.rules", ""},
    {"{'table':{'clusters':[],'flows':[],'rules':{}}}", ERR_INVALID,
     "table.rules", "{}"},
    {"{'table':{'clusters':[],'flows':[],'rules':[],'groups':[]}}", ERR_INVALID,
     "table.groups", "[]"},
    {LISTS("", "", "7"), ERR_INVALID, "table.rules[0]", "7"},
    {LISTS(A, "", "{'id':'x','cluster':'a'},{'id':'y','cluster':'*'}"),
     ERR_INVALID, "table.rules[1].cluster", "*"},
    {LISTS(A "," A, "", ""), ERR_INVALID, "table.clusters[1]", "a"},
    {LISTS(A, "", "{'id':'x','cluster':'a'},{'id':'x','cluster':'a'}"),
     ERR_INVALID, "table.rules[1]", "x"},
    /* decoded, but can't be */
    {LISTS(A, "", "{'id':'x','cluster':'a'},{'id':'y','cluster':'zz'}"),
     ERR_INVALID, "table.rules[1].cluster", "zz"},
    {LISTS(A, "{'source':'a','target':'zz'}", ""), ERR_INVALID,
     "table.flows[0].target", "zz"},
    {LISTS("", "", "{'id':'r','match':{'topic':'t'},'cluster':'a'}"),
     ERR_INVALID, "table.clusters", "a"},
    {"{'restore':99}", ERR_NOTFOUND, "restore", "99"},
};

START_TEST(refused)
{
    const struct refusal *r = &refusals[_i];
    struct json_t *j = json_of(r->json);
    struct change c = {0};
    struct table *t = NULL;
    struct touched touched;
    struct err err;
    int rc = change_decode(j, &c, &err);
    if (rc == 0)
        rc = change_resolve(&c, head, NULL, &err);
    if (rc == 0)
        rc = change_apply(&c, head, &t, &touched, &err);
    ck_assert_msg(rc == r->code, "%s: %s", r->json, err_name(rc));
    ck_assert_str_eq(err.field, r->field);
    ck_assert_str_eq(err.value, r->value);
    ck_assert_msg(strstr(err.text, r->field) != NULL, "%s", err.text);
    change_fini(&c);
    js_free(j);
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

static Suite *
suite(void)
{
    Suite *s = suite_create("differences");
    TCase *t = tcase_create("differences");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, encoded);
    tcase_add_loop_test(t, restored, 0, 60);
    tcase_add_loop_test(t, imported, 0, 60);
    tcase_add_loop_test(t, refused, 0, COUNT(refusals));
    suite_add_tcase(s, t);
    return s;
}

MADE_MAIN(suite())
