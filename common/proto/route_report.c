/* Reports: how clients are, and where they stand.  Pure. */
#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "common/proto/route.h"
#include "common/proto/route_parts.h"

/* ---- positions ----------------------------------------------------------- */

static int
position_decode(const struct json_t *j, const char *path,
                struct pt_position *out, struct err *err)
{
    static const char *const keys[] = {"topic", "partition", "offset", NULL};
    int64_t partition = 0;
    int rc;
    if ((rc = js_only_keys(j, path, keys, err)) ||
        (rc =
             js_get_str_dup(j, path, "topic", JS_REQUIRED, &out->topic, err)) ||
        (rc = part_text_check(out->topic, path, "topic", err)) ||
        (rc = js_get_int(j, path, "partition", JS_REQUIRED, 0, INT32_MAX,
                         &partition, err)) ||
        (rc = js_get_int(j, path, "offset", JS_REQUIRED, 0, INT64_MAX,
                         &out->offset, err)))
        return rc;
    out->partition = (int32_t)partition;
    return 0;
}

static int
positions_read(const struct json_t *j, struct pt_report *r, struct err *err)
{
    struct json_t *list = NULL;
    int rc = js_get_array(j, "", "positions", JS_OPTIONAL, &list, err);
    if (rc || js_len(list) == 0)
        return rc;
    if (js_len(list) > PT_POSITIONS_MAX)
        return err_field(err, ERR_LIMIT, "positions", NULL,
                         "positions has %zu entries, at most %d are taken",
                         js_len(list), PT_POSITIONS_MAX);
    r->positions = part_alloc(js_len(list), sizeof(*r->positions));
    if (!r->positions)
        return err_nomem(err);
    for (size_t i = 0; i < js_len(list) && rc == 0; i++, r->n_positions++)
        rc = position_decode(js_at(list, i), part_path_at("positions", i).s,
                             &r->positions[i], err);
    return rc;
}

static struct json_t *
positions_encode(const struct pt_report *r)
{
    struct json_t *list = js_array();
    int rc = 0;
    for (size_t i = 0; i < r->n_positions; i++) {
        const struct pt_position *p = &r->positions[i];
        struct json_t *j = js_object();
        int one = js_put_str(j, "topic", p->topic);
        one |= js_put_int(j, "partition", p->partition);
        one |= js_put_int(j, "offset", p->offset);
        rc |= js_add_take(list, part_built(j, one));
    }
    return part_built(list, rc);
}

/* ---- phases -------------------------------------------------------------- */

static int
phase_decode(const struct json_t *j, const char *path, struct pt_phase *out,
             struct err *err)
{
    static const char *const keys[] = {"name", "ms", NULL};
    int rc;
    if ((rc = js_only_keys(j, path, keys, err)) ||
        (rc = js_get_str_dup(j, path, "name", JS_REQUIRED, &out->name, err)) ||
        (rc = part_name_check(out->name, path, "name", err)))
        return rc;
    if (strlen(out->name) > PT_PHASE_NAME_MAX) {
        const struct part_path at = part_path_of(path, "name");
        return err_field(err, ERR_LIMIT, at.s, out->name,
                         "%s is longer than %d bytes", at.s, PT_PHASE_NAME_MAX);
    }
    return js_get_int(j, path, "ms", JS_REQUIRED, 0, INT64_MAX, &out->ms, err);
}

static int
phases_read(const struct json_t *j, struct pt_report *r, struct err *err)
{
    struct json_t *list = NULL;
    int rc = js_get_array(j, "", "phases", JS_OPTIONAL, &list, err);
    if (rc || js_len(list) == 0)
        return rc;
    if (js_len(list) > PT_PHASES_MAX)
        return err_field(err, ERR_LIMIT, "phases", NULL,
                         "phases has %zu entries, at most %d are taken",
                         js_len(list), PT_PHASES_MAX);
    r->phases = part_alloc(js_len(list), sizeof(*r->phases));
    if (!r->phases)
        return err_nomem(err);
    for (size_t i = 0; i < js_len(list) && rc == 0; i++, r->n_phases++)
        rc = phase_decode(js_at(list, i), part_path_at("phases", i).s,
                          &r->phases[i], err);
    return rc;
}

static struct json_t *
phases_encode(const struct pt_report *r)
{
    struct json_t *list = js_array();
    int rc = 0;
    for (size_t i = 0; i < r->n_phases; i++) {
        struct json_t *j = js_object();
        int one = js_put_str(j, "name", r->phases[i].name);
        one |= js_put_int(j, "ms", r->phases[i].ms);
        rc |= js_add_take(list, part_built(j, one));
    }
    return part_built(list, rc);
}

/* ---- report -------------------------------------------------------------- */

static int
check_state(const char *state, struct err *err)
{
    static const char *const states[] = {"starting", "running", "switching",
                                         "stuck", NULL};
    for (const char *const *s = states; *s; s++)
        if (strcmp(*s, state) == 0)
            return 0;
    return err_field(err, ERR_INVALID, "state", state,
                     "state must be \"starting\", \"running\", \"switching\" "
                     "or \"stuck\", not \"%.100s\"",
                     state);
}

static int
report_read(const struct json_t *j, struct pt_report *r, struct err *err)
{
    int rc;
    if ((rc = js_get_str_dup(j, "", "instance", JS_REQUIRED, &r->instance,
                             err)) ||
        (rc = part_text_check(r->instance, "", "instance", err)) ||
        (rc = js_get_int(j, "", "revision", JS_REQUIRED, 0, INT64_MAX,
                         &r->revision, err)) ||
        (rc =
             js_get_str_dup(j, "", "cluster", JS_OPTIONAL, &r->cluster, err)) ||
        (rc = js_get_str_dup(j, "", "state", JS_REQUIRED, &r->state, err)) ||
        (rc = check_state(r->state, err)) ||
        (rc = js_get_str_dup(j, "", "detail", JS_OPTIONAL, &r->detail, err)) ||
        (rc = js_get_int(j, "", "since", JS_OPTIONAL, 0, INT64_MAX, &r->since,
                         err)) ||
        (rc = js_get_int(j, "", "switch_ms", JS_OPTIONAL, -1, INT64_MAX,
                         &r->switch_ms, err)))
        return rc;
    if ((rc = js_get_int(j, "", "reread_bound", JS_OPTIONAL, -1, INT64_MAX,
                         &r->reread_bound, err)))
        return rc;
    if ((rc = js_get_int(j, "", "lag", JS_OPTIONAL, -1, INT64_MAX, &r->lag,
                         err)) ||
        (rc = positions_read(j, r, err)))
        return rc;
    return phases_read(j, r, err);
}

int
pt_report_decode(const struct json_t *j, struct pt_report *out, struct err *err)
{
    static const char *const keys[] = {
        "instance",  "revision",     "cluster", "state",     "detail", "since",
        "switch_ms", "reread_bound", "lag",     "positions", "phases", NULL};
    struct pt_report r = {.switch_ms = -1, .reread_bound = -1, .lag = -1};
    int rc;
    if ((rc = js_only_keys(j, "", keys, err)) ||
        (rc = report_read(j, &r, err))) {
        pt_report_fini(&r);
        return rc;
    }
    *out = r;
    return 0;
}

struct json_t *
pt_report_encode(const struct pt_report *r)
{
    struct json_t *j = js_object();
    int rc = js_put_str(j, "instance", r->instance);
    rc |= js_put_int(j, "revision", r->revision);
    rc |= js_put_str(j, "cluster", r->cluster);
    rc |= js_put_str(j, "state", r->state);
    rc |= js_put_str(j, "detail", r->detail);
    rc |= js_put_int(j, "since", r->since);
    rc |= js_put_int(j, "switch_ms", r->switch_ms);
    rc |= js_put_int(j, "reread_bound", r->reread_bound);
    rc |= js_put_int(j, "lag", r->lag);
    if (r->n_positions > 0)
        rc |= js_put_take(j, "positions", positions_encode(r));
    if (r->n_phases > 0)
        rc |= js_put_take(j, "phases", phases_encode(r));
    return part_built(j, rc);
}

void
pt_report_fini(struct pt_report *r)
{
    free(r->instance);
    free(r->cluster);
    free(r->state);
    free(r->detail);
    for (size_t i = 0; i < r->n_positions; i++)
        free(r->positions[i].topic);
    free(r->positions);
    for (size_t i = 0; i < r->n_phases; i++)
        free(r->phases[i].name);
    free(r->phases);
    *r = (struct pt_report){0};
}
