/*
 * What is asked and changed about topics.  Owns nothing.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/strs.h"
#include "tests/tools/ktool/ktool.h"

/* Takes the event; NULL is "no answer". */
static int
verdict_take(rd_kafka_event_t *ev, const char *what)
{
    if (!ev)
        return fail(what, "no answer");
    const rd_kafka_resp_err_t kerr = rd_kafka_event_error(ev);
    const int rc = kerr ? fail(what, rd_kafka_event_error_string(ev)) : 0;
    rd_kafka_event_destroy(ev);
    return rc;
}

/* Waits for the answer on `q` (taken); `said` finds what stands in it about
 * the one thing that was asked for. */
static int
answer_take(rd_kafka_queue_t *q, const char *what,
            rd_kafka_resp_err_t (*said)(rd_kafka_event_t *ev))
{
    rd_kafka_event_t *ev = rd_kafka_queue_poll(q, DEADLINE_MS);
    const rd_kafka_resp_err_t kerr =
        ev && !rd_kafka_event_error(ev) ? said(ev) : 0;
    const int rc = verdict_take(ev, what);
    rd_kafka_queue_destroy(q);
    return rc == 0 && kerr ? fail(what, rd_kafka_err2str(kerr)) : rc;
}

static rd_kafka_resp_err_t
grown(rd_kafka_event_t *ev)
{
    size_t n;
    const rd_kafka_topic_result_t **topics =
        rd_kafka_CreatePartitions_result_topics(
            rd_kafka_event_CreatePartitions_result(ev), &n);
    return rd_kafka_topic_result_error(topics[0]);
}

/* grow TOPIC PARTITIONS */
int
run_grow(struct ktool *k)
{
    char why[256];
    int64_t n;
    if (!str_to_i64(k->words[1], 1, 100000, &n))
        return fail(k->words[1], "is no number of partitions");
    rd_kafka_NewPartitions_t *parts =
        rd_kafka_NewPartitions_new(k->words[0], (size_t)n, why, sizeof(why));
    if (!parts)
        return fail(k->words[0], why);
    rd_kafka_queue_t *q = rd_kafka_queue_new(k->rk);
    rd_kafka_CreatePartitions(k->rk, &parts, 1, NULL, q);
    rd_kafka_NewPartitions_destroy(parts);
    return answer_take(q, k->words[0], grown);
}

static rd_kafka_resp_err_t
deleted(rd_kafka_event_t *ev)
{
    size_t n;
    const rd_kafka_topic_result_t **topics =
        rd_kafka_DeleteTopics_result_topics(
            rd_kafka_event_DeleteTopics_result(ev), &n);
    return rd_kafka_topic_result_error(topics[0]);
}

/* delete-topic TOPIC */
int
run_delete_topic(struct ktool *k)
{
    rd_kafka_DeleteTopic_t *topic = rd_kafka_DeleteTopic_new(k->words[0]);
    rd_kafka_queue_t *q = rd_kafka_queue_new(k->rk);
    rd_kafka_DeleteTopics(k->rk, &topic, 1, NULL, q);
    rd_kafka_DeleteTopic_destroy(topic);
    return answer_take(q, k->words[0], deleted);
}

static rd_kafka_resp_err_t
cut(rd_kafka_event_t *ev)
{
    return rd_kafka_DeleteRecords_result_offsets(
               rd_kafka_event_DeleteRecords_result(ev))
        ->elems[0]
        .err;
}

/* delete-records TOPIC PARTITION OFFSET: those below it, as retention does */
int
run_delete_records(struct ktool *k)
{
    int64_t partition, offset;
    if (!str_to_i64(k->words[1], 0, INT32_MAX, &partition) ||
        !str_to_i64(k->words[2], 0, INT64_MAX, &offset))
        return fail(k->words[1], "is no partition, or there is no offset");
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, k->words[0], (int32_t)partition)
        ->offset = offset;
    rd_kafka_DeleteRecords_t *del = rd_kafka_DeleteRecords_new(list);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_queue_t *q = rd_kafka_queue_new(k->rk);
    rd_kafka_DeleteRecords(k->rk, &del, 1, NULL, q);
    rd_kafka_DeleteRecords_destroy(del);
    return answer_take(q, k->words[0], cut);
}

static rd_kafka_resp_err_t
altered(rd_kafka_event_t *ev)
{
    size_t n;
    const rd_kafka_ConfigResource_t **res =
        rd_kafka_AlterConfigs_result_resources(
            rd_kafka_event_AlterConfigs_result(ev), &n);
    return rd_kafka_ConfigResource_error(res[0]);
}

static int
add_settings(rd_kafka_ConfigResource_t *res, const char *list)
{
    struct strlist items = {0};
    int rc = strlist_split(&items, list, ",");
    if (rc)
        return fail(list, "out of memory");
    for (size_t i = 0; i < items.n && rc == 0; i++) {
        char *eq = strchr(items.v[i], '=');
        if (!eq)
            rc = fail(items.v[i], "is not KEY=VALUE");
        else {
            *eq = '\0';
            (void)rd_kafka_ConfigResource_set_config(res, items.v[i], eq + 1);
        }
    }
    strlist_fini(&items);
    return rc;
}

/* alter TOPIC KEY=VALUE,...: all its settings, others get their defaults */
int
run_alter(struct ktool *k)
{
    rd_kafka_ConfigResource_t *res =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, k->words[0]);
    int rc = add_settings(res, k->words[1]);
    if (rc == 0) {
        rd_kafka_queue_t *q = rd_kafka_queue_new(k->rk);
        rd_kafka_AlterConfigs(k->rk, &res, 1, NULL, q);
        rc = answer_take(q, k->words[0], altered);
    }
    rd_kafka_ConfigResource_destroy(res);
    return rc;
}

static rd_kafka_resp_err_t
ruled(rd_kafka_event_t *ev)
{
    size_t n;
    const rd_kafka_acl_result_t **acls = rd_kafka_CreateAcls_result_acls(
        rd_kafka_event_CreateAcls_result(ev), &n);
    const rd_kafka_error_t *bad = rd_kafka_acl_result_error(acls[0]);
    return bad ? rd_kafka_error_code(bad) : 0;
}

static int
rule(struct ktool *k, rd_kafka_AclOperation_t operation,
     rd_kafka_AclPermissionType_t permission)
{
    char why[256];
    rd_kafka_AclBinding_t *acl = rd_kafka_AclBinding_new(
        RD_KAFKA_RESOURCE_TOPIC, k->words[0], RD_KAFKA_RESOURCE_PATTERN_LITERAL,
        k->words[1], "*", operation, permission, why, sizeof(why));
    if (!acl)
        return fail(k->words[0], why);
    rd_kafka_queue_t *q = rd_kafka_queue_new(k->rk);
    rd_kafka_CreateAcls(k->rk, &acl, 1, NULL, q);
    rd_kafka_AclBinding_destroy(acl);
    return answer_take(q, k->words[0], ruled);
}

/* deny TOPIC PRINCIPAL: whatever it wants to do with it */
int
run_deny(struct ktool *k)
{
    return rule(k, RD_KAFKA_ACL_OPERATION_ALL,
                RD_KAFKA_ACL_PERMISSION_TYPE_DENY);
}

/* allow TOPIC PRINCIPAL OPERATION */
int
run_allow(struct ktool *k)
{
    for (int op = RD_KAFKA_ACL_OPERATION_ALL; op < RD_KAFKA_ACL_OPERATION__CNT;
         op++)
        if (str_equal(rd_kafka_AclOperation_name((rd_kafka_AclOperation_t)op),
                      k->words[2]))
            return rule(k, (rd_kafka_AclOperation_t)op,
                        RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW);
    return fail(k->words[2], "is no operation");
}

static rd_kafka_AclBindingFilter_t *
rules_filter(const char *topic)
{
    char why[256];
    return rd_kafka_AclBindingFilter_new(
        RD_KAFKA_RESOURCE_TOPIC, topic, RD_KAFKA_RESOURCE_PATTERN_ANY, NULL,
        NULL, RD_KAFKA_ACL_OPERATION_ANY, RD_KAFKA_ACL_PERMISSION_TYPE_ANY, why,
        sizeof(why));
}

static rd_kafka_resp_err_t
lifted(rd_kafka_event_t *ev)
{
    size_t n;
    const rd_kafka_DeleteAcls_result_response_t **said =
        rd_kafka_DeleteAcls_result_responses(
            rd_kafka_event_DeleteAcls_result(ev), &n);
    const rd_kafka_error_t *bad =
        rd_kafka_DeleteAcls_result_response_error(said[0]);
    return bad ? rd_kafka_error_code(bad) : 0;
}

/* lift TOPIC: all its rules */
int
run_lift(struct ktool *k)
{
    rd_kafka_AclBindingFilter_t *rules = rules_filter(k->words[0]);
    if (!rules)
        return fail(k->words[0], "is no topic");
    rd_kafka_queue_t *q = rd_kafka_queue_new(k->rk);
    rd_kafka_DeleteAcls(k->rk, &rules, 1, NULL, q);
    rd_kafka_AclBinding_destroy(rules);
    return answer_take(q, k->words[0], lifted);
}

static void
print_rules(rd_kafka_event_t *ev)
{
    size_t n;
    const rd_kafka_AclBinding_t **v = rd_kafka_DescribeAcls_result_acls(
        rd_kafka_event_DescribeAcls_result(ev), &n);
    for (size_t i = 0; i < n; i++)
        (void)printf(
            "%s %s %s %s\n", rd_kafka_AclBinding_name(v[i]),
            rd_kafka_AclBinding_principal(v[i]),
            rd_kafka_AclPermissionType_name(
                rd_kafka_AclBinding_permission_type(v[i])),
            rd_kafka_AclOperation_name(rd_kafka_AclBinding_operation(v[i])));
}

/* rules: "TOPIC PRINCIPAL PERMISSION OPERATION" of all topics */
int
run_rules(struct ktool *k)
{
    rd_kafka_AclBindingFilter_t *all = rules_filter(NULL);
    if (!all)
        return fail("rules", "no filter");
    rd_kafka_queue_t *q = rd_kafka_queue_new(k->rk);
    rd_kafka_DescribeAcls(k->rk, all, NULL, q);
    rd_kafka_AclBinding_destroy(all);
    rd_kafka_event_t *ev = rd_kafka_queue_poll(q, DEADLINE_MS);
    if (ev && !rd_kafka_event_error(ev))
        print_rules(ev);
    const int rc = verdict_take(ev, "rules");
    rd_kafka_queue_destroy(q);
    return rc;
}

static int
print_size(struct ktool *k, const char *topic)
{
    const struct rd_kafka_metadata *md;
    if (rd_kafka_metadata(k->rk, 1, NULL, &md, ADMIN_MS))
        return fail(topic, "no metadata");
    int found = 0;
    for (int i = 0; i < md->topic_cnt && !found; i++) {
        const struct rd_kafka_metadata_topic *t = &md->topics[i];
        found = str_equal(t->topic, topic) && t->partition_cnt > 0;
        if (found)
            (void)printf("%d %d ", t->partition_cnt,
                         t->partitions[0].replica_cnt);
    }
    rd_kafka_metadata_destroy(md);
    return found ? 0 : fail(topic, "no such topic");
}

/* One setting, or (NULL) those of the topic itself with their names. */
static void
print_config(rd_kafka_event_t *ev, const char *name)
{
    size_t n = 0, m = 0;
    const rd_kafka_ConfigResource_t **res =
        rd_kafka_DescribeConfigs_result_resources(
            rd_kafka_event_DescribeConfigs_result(ev), &n);
    const rd_kafka_ConfigEntry_t **entries =
        n > 0 ? rd_kafka_ConfigResource_configs(res[0], &m) : NULL;
    for (size_t i = 0; i < m; i++) {
        const char *key = rd_kafka_ConfigEntry_name(entries[i]);
        const char *value = rd_kafka_ConfigEntry_value(entries[i]);
        if (name && str_equal(key, name))
            (void)printf("%s\n", value);
        else if (!name && rd_kafka_ConfigEntry_source(entries[i]) ==
                              RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG)
            (void)printf("%s=%s\n", key, value);
    }
}

static int
print_configs(struct ktool *k, const char *name)
{
    rd_kafka_ConfigResource_t *res =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, k->words[0]);
    rd_kafka_queue_t *q = rd_kafka_queue_new(k->rk);
    rd_kafka_DescribeConfigs(k->rk, &res, 1, NULL, q);
    rd_kafka_event_t *ev = rd_kafka_queue_poll(q, DEADLINE_MS);
    if (ev && !rd_kafka_event_error(ev))
        print_config(ev, name);
    const int rc = verdict_take(ev, k->words[0]);
    rd_kafka_queue_destroy(q);
    rd_kafka_ConfigResource_destroy(res);
    return rc;
}

/* describe TOPIC CONFIG: "PARTITIONS REPLICATION VALUE" */
int
run_describe(struct ktool *k)
{
    return print_size(k, k->words[0]) ? 1 : print_configs(k, k->words[1]);
}

/* settings TOPIC: "KEY=VALUE" each that was set on the topic */
int
run_settings(struct ktool *k)
{
    return print_configs(k, NULL);
}
