/*
 * The ledger is fed made-up logs, each with one known fault, and must find
 * exactly that one.
 */
#include "tests/unit/ledger/made.h"

START_TEST(clean_logs_have_no_fault)
{
    write_all();
    read_all_but(-1);
    const struct verdict *v = judged(0);
    expect(v, 0, 0, 0);
    ck_assert_int_eq(v->written, N);
    ck_assert_int_eq(v->acked, N);
    ck_assert_int_eq(v->groups[0].read, N);
    ck_assert_uint_eq(v->groups[0].readers, 2);
    ck_assert_int_eq(v->unreported, 0);
    ck_assert_int_eq(v->written_twice, 0);
    ck_assert_int_eq(v->standing, -1);
}
END_TEST

START_TEST(one_lost_is_found)
{
    write_all();
    read_all_but(17);
    const struct verdict *v = judged(0);
    expect(v, 1, 0, 0);
    ck_assert_uint_eq(v->groups[0].n_lost_examples, 1);
    ck_assert_int_eq(v->groups[0].lost_examples[0], 17);
}
END_TEST

START_TEST(one_doubled_is_found)
{
    write_all();
    read_all_but(-1);
    put_read(m.r2, 40, 17); /* by another member, later */
    expect(judged(0), 0, 1, 0);
}
END_TEST

START_TEST(a_copy_read_on_the_other_cluster_is_doubled)
{
    write_all();
    read_all_but(-1);
    put_read_at(m.r2, 40, "b", "a.orders", 3, 17);
    const struct verdict *v = judged(0);
    expect(v, 0, 1, 0);
    ck_assert_int_eq(v->written_twice, 0);
}
END_TEST

START_TEST(one_swapped_is_found)
{
    write_all();
    for (int i = 0; i < N; i++) /* 15 and 18 have the same key */
        put_read(reader_of(i), i == 15 ? 18 : i == 18 ? 15 : i, i);
    expect(judged(0), 0, 0, 1);
}
END_TEST

START_TEST(order_holds_across_members)
{
    write_all();
    for (int i = 0; i < N; i++)
        if (i != 15)
            put_read(reader_of(i), i, i);
    put_read(m.r2, 29, 15); /* its key moved to r2, after r1 read 18.. */
    expect(judged(0), 0, 0, 1);
}
END_TEST

START_TEST(another_groups_reading_does_not_count)
{
    write_all();
    read_all_but(17);
    (void)fputs("B 1 1 reader r2 other orders\n", m.r2);
    const struct verdict *v = judged(0);
    /* r2's file turned to group "other" as a whole. */
    ck_assert_uint_eq(v->n_groups, 2);
    ck_assert_int_eq(v->groups[0].lost + v->groups[1].lost, N + 1);
}
END_TEST

/* a is dead; b has copies of all records but the last three. */
static void
dump_of_survivor(void)
{
    for (int i = 0; i < N - 3; i++)
        put_dumped("a.orders", i / KEYS, i);
    put_ranges("a.orders", N / KEYS - 1);
    (void)fputs("E 1 1 done\n", m.dump);
    ck_assert_int_eq(strlist_add(&m.dead, "a"), 0);
}

START_TEST(never_replicated_is_not_lost)
{
    write_all();
    dump_of_survivor();
    for (int i = 0; i < N - 2; i++) /* N-3 was read before a died */
        put_read(reader_of(i), i, i);
    const struct verdict *v = judged(1);
    expect(v, 0, 0, 0);
    ck_assert_int_eq(v->never_replicated, 3);
    ck_assert_int_eq(v->never_replicated_read, 1);
    ck_assert_int_eq(v->standing, N - 3);
}
END_TEST

START_TEST(replicated_but_unread_is_lost)
{
    write_all();
    dump_of_survivor();
    for (int i = 0; i < N - 4; i++)
        put_read(reader_of(i), i, i);
    const struct verdict *v = judged(1);
    expect(v, 1, 0, 0);
    ck_assert_int_eq(v->groups[0].lost_examples[0], N - 4);
    ck_assert_int_eq(v->never_replicated, 3);
}
END_TEST

START_TEST(a_dead_cluster_needs_a_dump)
{
    write_all();
    read_all_but(-1);
    ck_assert_int_eq(strlist_add(&m.dead, "a"), 0);
    close_logs();
    ck_assert_int_eq(load(0), 0);
    ck_assert_int_eq(try_judge(), ERR_INVALID);
    ck_assert_str_eq(m.err.field, "dead");
}
END_TEST

static void
expect_refused(int with_dump, const char *field, const char *says)
{
    close_logs();
    ck_assert_int_eq(load(with_dump), 0);
    ck_assert_int_eq(try_judge(), ERR_INVALID);
    ck_assert_str_eq(m.err.field, field);
    ck_assert_msg(strstr(m.err.text, says) != NULL, "%s", m.err.text);
}

START_TEST(a_dead_cluster_needs_a_dump_of_its_copy)
{
    write_all();
    read_all_but(-1);
    ck_assert_int_eq(strlist_add(&m.dead, "a"), 0);
    put_ranges("orders", 0); /* b's own, not the copy */
    (void)fputs("E 1 1 done\n", m.dump);
    expect_refused(1, "dead", "a.orders/0");
}
END_TEST

START_TEST(each_partition_of_the_copy_needs_a_dump)
{
    write_all();
    read_all_but(-1);
    ck_assert_int_eq(strlist_add(&m.dead, "a"), 0);
    (void)fputs("P 1 1 a.orders 0 0 9\nP 1 1 a.orders 2 0 9\n", m.dump);
    (void)fputs("E 1 1 done\n", m.dump);
    expect_refused(1, "dead", "a.orders/1");
}
END_TEST

START_TEST(a_copy_of_the_same_name_will_do)
{
    write_all();
    read_all_but(-1);
    ck_assert_int_eq(strlist_add(&m.dead, "a"), 0);
    put_dumped("orders", 0, 0);
    put_ranges("orders", 1);
    (void)fputs("E 1 1 done\n", m.dump);
    ck_assert_int_eq(judged(1)->never_replicated, N - 1);
}
END_TEST

START_TEST(a_dead_cluster_that_no_log_names_is_refused)
{
    write_all();
    read_all_but(-1);
    ck_assert_int_eq(strlist_add(&m.dead, "zz"), 0);
    expect_refused(0, "dead", "zz");
}
END_TEST

START_TEST(without_readers_there_is_no_verdict)
{
    write_all();
    close_logs();
    ck_assert_int_eq(
        book_load_writer(&m.book, tmpdir_file(&m.dir, "w"), &m.err), 0);
    ck_assert_int_eq(try_judge(), ERR_INVALID);
    ck_assert_str_eq(m.err.field, "readers");
}
END_TEST

START_TEST(order_within_a_partition_is_told_apart)
{
    write_all();
    for (int i = 0; i < N; i++)
        if (i != 15 && i != 16)
            put_read(reader_of(i), i, i);
    put_read(m.r1, 40, 15);                        /* after 18 from there */
    put_read_at(m.r2, 41, "b", "a.orders", 9, 16); /* from elsewhere */
    put_read(m.r2, 42, 17);                        /* again */
    const struct verdict *v = judged(0);
    expect(v, 0, 1, 2);
    ck_assert_int_eq(v->disordered, 1);
}
END_TEST

START_TEST(what_a_writer_doubled_is_not_read_twice)
{
    write_all();
    read_all_but(-1);
    /* 17 was not acknowledged by a, and written once more on b. */
    put_read_at(m.r2, 40, "b", "orders", 0, 17);
    put_dumped("a.orders", 5, 17);
    put_dumped("orders", 0, 17);
    (void)fputs("E 1 1 done\n", m.dump);
    const struct verdict *v = judged(1);
    expect(v, 0, 0, 0);
    ck_assert_int_eq(v->written_twice, 1);
}
END_TEST

START_TEST(unacknowledged_on_the_survivor_is_told_apart)
{
    write_all();
    put_written(N);
    read_all_but(-1);
    put_dumped("orders", 0, N);
    put_ranges("orders", 1);
    (void)fputs("E 1 1 done\n", m.dump);
    const struct verdict *v = judged(1);
    expect(v, 0, 0, 0);
    ck_assert_int_eq(v->unreported, 1);
    ck_assert_int_eq(v->groups[0].unread_unacked, 1);
}
END_TEST

START_TEST(an_untrue_acknowledgement_is_found)
{
    write_all();
    for (int i = 0; i < 6; i++)
        put_read(reader_of(i), i, i);
    put_written(N);
    (void)fputs("A 1 1 0 10 30 b orders 0 0\n", m.w);
    put_written(N + 1);
    (void)fputs("A 1 1 1 10 31 b orders 0 1\n", m.w);
    put_dumped("orders", 0, N); /* stands in 0@0; nothing in 0@1 */
    put_ranges("orders", 2);
    (void)fputs("E 1 1 done\n", m.dump);
    const struct verdict *v = judged(1);
    ck_assert_int_eq(v->misplaced_acks, 1);
    ck_assert_int_eq(v->lost, N - 6 + 2);
}
END_TEST

START_TEST(an_untrue_reading_is_found)
{
    write_all();
    read_all_but(17);
    put_read_at(m.r2, 40, "b", "a.orders", 1, 17); /* there stands 5 */
    put_dumped("a.orders", 1, 5);
    put_ranges("a.orders", 2);
    (void)fputs("E 1 1 done\n", m.dump);
    ck_assert_int_eq(judged(1)->groups[0].misplaced, 1);
}
END_TEST

START_TEST(an_untrue_place_does_not_hide_a_doubled_one)
{
    write_all();
    read_all_but(-1);
    put_read_at(m.r2, 40, "b", "a.orders", 0, 17);
    put_read_at(m.r2, 41, "b", "a.orders", 1, 17); /* there stands 5 */
    put_dumped("a.orders", 0, 17);
    put_dumped("a.orders", 1, 5);
    put_ranges("a.orders", 2);
    (void)fputs("E 1 1 done\n", m.dump);
    const struct verdict *v = judged(1);
    expect(v, 0, 2, 0);
    ck_assert_int_eq(v->written_twice, 0);
}
END_TEST

START_TEST(order_on_the_survivor_is_checked)
{
    write_all();
    read_all_but(-1);
    put_dumped("orders", 0, 3);
    put_dumped("orders", 1, 0);
    put_dumped("orders", 2, 6);
    (void)fputs("E 1 1 done\n", m.dump);
    ck_assert_int_eq(judged(1)->standing_out_of_order, 1);
}
END_TEST

START_TEST(reports_are_counted)
{
    write_all();
    read_all_but(-1);
    put_acked(5, "b");
    put_written(N);
    (void)fprintf(m.w, "F 9 9 0 10 %d _MSG_TIMED_OUT\n", N);
    put_written(N + 1);
    const struct verdict *v = judged(0);
    expect(v, 0, 0, 0);
    ck_assert_int_eq(v->reported_twice, 1);
    ck_assert_int_eq(v->failed, 1);
    ck_assert_int_eq(v->unreported, 1);
}
END_TEST

START_TEST(a_torn_last_line_is_left_out)
{
    write_all();
    read_all_but(-1);
    (void)fputs("R 40500 0 a ord", m.r1);
    (void)fputs("W 30000 0 0 10 3", m.w);
    const struct verdict *v = judged(0);
    expect(v, 0, 0, 0);
    ck_assert_int_eq(m.book.torn, 2);
    ck_assert_int_eq(v->written, N);
}
END_TEST

START_TEST(what_nobody_wrote_is_foreign)
{
    write_all();
    read_all_but(-1);
    (void)fputs("R 1 1 a orders 0 99 w9 0 0 0\n", m.r1);  /* writer */
    (void)fputs("R 1 1 a orders 0 99 w1 0 0 17\n", m.r1); /* key of 17 is 2 */
    (void)fputs("U 1 1 a orders 0 98\n", m.r1);
    const struct verdict *v = judged(0);
    expect(v, 0, 0, 0);
    ck_assert_int_eq(v->groups[0].foreign, 3);
}
END_TEST

static const struct {
    const char *log, *line, *says;
} garbage[] = {
    {"w", "hello world\n", "w:2: not a line of a ledger"},
    {"w", "X 1 1 1\n", "w:2: X is no line of a writer"},
    {"w", "W 1 1 0 0\n", "w:2: W has 2 fields"},
    {"w", "W 1 1 0 0 7\n", "w:2: record 7 where 0 was expected"},
    {"w", "W 1 1 3 0 0\n", "w:2: field 1 of W"},
    {"w", "W 1 1 0 x 0\n", "w:2: field 2 of W"},
    {"w", "W 1 -1 0 0 0\n", "w:2: not a line of a ledger"},
    {"w", "A 1 1 0 0 0 a orders 0 0\n", "w:2: a report for a record never"},
    {"w", "\n", "w:2: not a line of a ledger"},
    {"w", "B 1 1 writer w1 orders 4\n", "w:2: another writer"},
    {"r1", "R 1 1 a orders 0 -5 w1 0 0 0\n", "r1:2: field 4 of R"},
    {"r1", "R 1 1 a orders 0 0 w1 0 0 0 0 0 0 0 0 0 0\n", "r1:2: too many"},
    {"r1", "W 1 1 0 0 0\n", "r1:2: W is no line of a reader"},
    {"dump", "P 1 1 orders 0 5 4\n", "dump:2: field 4 of P"},
    {"dump", "R 1 1 a orders 0 0 w1 0 0 0\n", "dump:2: R is no line"},
};

START_TEST(garbage_is_refused_with_file_and_line)
{
    const char *log = garbage[_i].log;
    FILE *f = strcmp(log, "w") == 0    ? m.w
              : strcmp(log, "r1") == 0 ? m.r1
                                       : m.dump;
    (void)fputs(garbage[_i].line, f);
    close_logs();
    ck_assert_int_eq(load(1), ERR_PARSE);
    ck_assert_msg(strstr(m.err.text, garbage[_i].says) != NULL,
                  "\"%s\" does not say \"%s\"", m.err.text, garbage[_i].says);
}
END_TEST

START_TEST(a_dump_without_its_end_is_refused)
{
    close_logs();
    ck_assert_int_eq(load(1), ERR_PARSE);
    ck_assert_ptr_nonnull(strstr(m.err.text, "without its end"));
}
END_TEST

START_TEST(a_log_of_something_else_is_refused)
{
    book_init(&m.book);
    close_logs();
    ck_assert_int_eq(
        book_load_writer(&m.book, tmpdir_file(&m.dir, "r1"), &m.err),
        ERR_PARSE);
    ck_assert_ptr_nonnull(strstr(m.err.text, "not of a writer"));
}
END_TEST

START_TEST(a_group_that_is_not_there_is_refused)
{
    write_all();
    close_logs();
    ck_assert_int_eq(strlist_add(&m.group, "h"), 0);
    ck_assert_int_eq(load(0), 0);
    ck_assert_int_eq(try_judge(), ERR_INVALID);
    ck_assert_str_eq(m.err.value, "h");
}
END_TEST

/* ---- report ---- */

static int64_t
number(const struct json_t *obj, const char *key)
{
    int64_t v = -99;
    ck_assert_int_eq(
        js_get_int(obj, "", key, JS_REQUIRED, -1, INT64_MAX, &v, NULL), 0);
    return v;
}

START_TEST(the_report_says_it_for_programs)
{
    write_all();
    read_all_but(17);
    put_read(m.r2, 40, 16);
    (void)fputs("U 1 1 a.orders 0 5\nD 1 1 a.orders 0 6 w9 0 0 0\n", m.dump);
    (void)fputs("E 1 1 done\n", m.dump);
    const struct verdict *v = judged(1);
    char *text = report_json(&m.book, v);
    struct json_t *j = NULL;
    ck_assert_int_eq(js_parse(text, strlen(text), &j, NULL), 0);
    ck_assert_int_eq(number(j, "lost"), 1);
    ck_assert_int_eq(number(j, "read_twice"), 1);
    ck_assert_int_eq(number(j, "acknowledged"), N);
    ck_assert_int_eq(number(j, "disordered"), 0);
    ck_assert_int_eq(number(j, "dump_foreign"), 2);
    ck_assert_uint_eq(js_len(js_any(j, "groups")), 1);
    ck_assert_uint_eq(js_len(js_any(j, "readers")), 2);
    js_free(j);
    free(text);
}
END_TEST

START_TEST(the_report_says_it_for_people)
{
    write_all();
    read_all_but(17);
    (void)fputs("E 1 1 done\n", m.r1);
    (void)fputs("U 1 1 a.orders 0 5\nE 1 1 done\n", m.dump);
    const struct verdict *v = judged(1);
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    report_text(&m.book, v, f);
    (void)fclose(f);
    ck_assert_ptr_nonnull(strstr(text, "verdict: lost 1, read twice 0, out of "
                                       "order 0\n"));
    ck_assert_ptr_nonnull(strstr(text, "lost: writer w1 key 2 number 5"));
    ck_assert_ptr_nonnull(strstr(text, "reader r2 did not end by itself"));
    ck_assert_ptr_null(strstr(text, "reader r1 did not"));
    ck_assert_ptr_nonnull(strstr(text, "that no writer wrote 1\n"));
    free(text);
}
END_TEST

START_TEST(a_million_records_are_judged_in_seconds)
{
    enum { MANY = 1000000 };
    for (int i = 0; i < MANY; i++) {
        put_written(i);
        put_acked(i, "a");
        put_read(m.r1, i, i);
        put_dumped("a.orders", i / KEYS, i);
    }
    put_ranges("a.orders", MANY);
    (void)fputs("E 1 1 done\n", m.dump);
    const int64_t start_ms = clock_mono_ms();
    const struct verdict *v = judged(1);
    expect(v, 0, 0, 0);
    ck_assert_int_eq(v->standing, MANY);
    ck_assert_int_lt(clock_mono_ms() - start_ms, 30000);
}
END_TEST

static void
add_faults(Suite *s)
{
    TCase *tc = new_case(s, "faults");
    tcase_add_test(tc, clean_logs_have_no_fault);
    tcase_add_test(tc, one_lost_is_found);
    tcase_add_test(tc, one_doubled_is_found);
    tcase_add_test(tc, a_copy_read_on_the_other_cluster_is_doubled);
    tcase_add_test(tc, one_swapped_is_found);
    tcase_add_test(tc, order_holds_across_members);
    tcase_add_test(tc, another_groups_reading_does_not_count);
    tcase_add_test(tc, never_replicated_is_not_lost);
    tcase_add_test(tc, replicated_but_unread_is_lost);
    tcase_add_test(tc, a_dead_cluster_needs_a_dump);
    tcase_add_test(tc, a_dead_cluster_needs_a_dump_of_its_copy);
    tcase_add_test(tc, each_partition_of_the_copy_needs_a_dump);
    tcase_add_test(tc, a_copy_of_the_same_name_will_do);
    tcase_add_test(tc, a_dead_cluster_that_no_log_names_is_refused);
    tcase_add_test(tc, without_readers_there_is_no_verdict);
    tcase_add_test(tc, order_within_a_partition_is_told_apart);
    tcase_add_test(tc, what_a_writer_doubled_is_not_read_twice);
    tcase_add_test(tc, unacknowledged_on_the_survivor_is_told_apart);
    tcase_add_test(tc, an_untrue_acknowledgement_is_found);
    tcase_add_test(tc, an_untrue_reading_is_found);
    tcase_add_test(tc, an_untrue_place_does_not_hide_a_doubled_one);
    tcase_add_test(tc, order_on_the_survivor_is_checked);
    tcase_add_test(tc, reports_are_counted);
    tcase_add_test(tc, what_nobody_wrote_is_foreign);
    tcase_add_test(tc, a_million_records_are_judged_in_seconds);
}

static void
add_logs(Suite *s)
{
    TCase *tc = new_case(s, "logs");
    tcase_add_test(tc, a_torn_last_line_is_left_out);
    tcase_add_loop_test(tc, garbage_is_refused_with_file_and_line, 0,
                        (int)(sizeof(garbage) / sizeof(*garbage)));
    tcase_add_test(tc, a_dump_without_its_end_is_refused);
    tcase_add_test(tc, a_log_of_something_else_is_refused);
    tcase_add_test(tc, a_group_that_is_not_there_is_refused);
}

static void
add_reports(Suite *s)
{
    TCase *tc = new_case(s, "report");
    tcase_add_test(tc, the_report_says_it_for_programs);
    tcase_add_test(tc, the_report_says_it_for_people);
}

int
main(void)
{
    Suite *s = suite_create("ledger verdict");
    add_faults(s);
    add_logs(s);
    add_reports(s);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
