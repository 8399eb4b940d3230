/* See pattern.h. */
#include "sdk/src/consumer/pattern.h"

#include <stdlib.h>
#include <string.h>

#include "sdk/src/consumer/place.h"

int
patterns_add(struct patterns *p, const char *text, struct err *err)
{
    struct pattern *all = reallocarray(p->v, p->n + 1, sizeof(*all));
    if (!all)
        return err_nomem(err);
    p->v = all;
    struct pattern *mine = &all[p->n];
    mine->text = strdup(text);
    if (!mine->text)
        return err_nomem(err);
    const int rc = regcomp(&mine->regex, text, REG_EXTENDED | REG_NOSUB);
    if (rc != 0) {
        char why[128];
        (void)regerror(rc, &mine->regex, why, sizeof(why));
        free(mine->text);
        return err_set(err, ERR_INVALID, "%s: %s", text, why);
    }
    p->n++;
    return 0;
}

int
patterns_add_list(struct patterns *p, const char *list, struct err *err)
{
    struct strlist texts = {0};
    int rc = strlist_split(&texts, list, ",") != 0 ? err_nomem(err) : 0;
    for (size_t i = 0; i < texts.n && rc == 0; i++)
        rc = patterns_add(p, texts.v[i], err);
    strlist_fini(&texts);
    return rc;
}

void
patterns_fini(struct patterns *p)
{
    for (size_t i = 0; i < p->n; i++) {
        free(p->v[i].text);
        regfree(&p->v[i].regex);
    }
    free(p->v);
    *p = (struct patterns){0};
}

bool
pattern_matches(const struct pattern *p, const char *name)
{
    return regexec(&p->regex, name, 0, NULL, 0) == 0;
}

bool
patterns_match(const struct patterns *p, const char *name)
{
    for (size_t i = 0; i < p->n; i++)
        if (pattern_matches(&p->v[i], name))
            return true;
    return false;
}

int
pattern_pick(const struct pattern *p, const struct patterns *black,
             const struct pt_answer *a, const char *cluster,
             const struct strlist *physical, struct strlist *out)
{
    int rc = 0;
    for (size_t i = 0; i < physical->n && rc == 0; i++) {
        const char *origin;
        const char *name = place_logical(a, cluster, physical->v[i], &origin);
        if (pattern_matches(p, name) && !patterns_match(black, name) &&
            !strlist_has(out, name))
            rc = strlist_add(out, name);
    }
    strlist_sort(out);
    return rc;
}
