/*
 * Owns one compiled expression per item of the list: so that an error names
 * the item, and a stray bracket in one cannot swallow the next.
 */
#include "replicator/pattern.h"

#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "common/base/xmem.h"

struct pattern {
    struct strlist texts;
    pcre2_code **codes; /* as many as texts */
};

static int
compile(const char *text, pcre2_code **out, struct err *err)
{
    int code;
    PCRE2_SIZE at;
    *out = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, PCRE2_UTF,
                         &code, &at, NULL);
    if (*out)
        return 0;
    PCRE2_UCHAR why[128] = "";
    (void)pcre2_get_error_message(code, why, sizeof(why));
    return err_set(err, ERR_INVALID,
                   "\"%s\" is no regular expression: %s at character %zu", text,
                   (const char *)why, (size_t)at + 1);
}

static int
make(const char *text, const char *separators, struct pattern **out,
     struct err *err)
{
    struct pattern *p = xcalloc(1, sizeof(*p));
    int rc = strlist_split(&p->texts, text, separators);
    p->codes = xcalloc(p->texts.n + 1, sizeof(*p->codes));
    for (size_t i = 0; i < p->texts.n && rc == 0; i++)
        rc = compile(p->texts.v[i], &p->codes[i], err);
    if (rc != 0) {
        pattern_free(p);
        p = NULL;
    }
    *out = p;
    return rc;
}

int
pattern_new(const char *list, struct pattern **out, struct err *err)
{
    return make(list, ",", out, err);
}

int
pattern_one_new(const char *text, struct pattern **out, struct err *err)
{
    return make(text, "", out, err);
}

static bool
match(const struct pattern *p, const char *name, uint32_t how)
{
    bool found = false;
    for (size_t i = 0; i < p->texts.n && !found; i++) {
        pcre2_match_data *m =
            pcre2_match_data_create_from_pattern(p->codes[i], NULL);
        found = m && pcre2_match(p->codes[i], (PCRE2_SPTR)name, strlen(name), 0,
                                 how, m, NULL) >= 0;
        pcre2_match_data_free(m);
    }
    return found;
}

bool
pattern_match(const struct pattern *p, const char *name)
{
    return match(p, name, PCRE2_ANCHORED | PCRE2_ENDANCHORED);
}

bool
pattern_find(const struct pattern *p, const char *name)
{
    return match(p, name, 0);
}

int
pattern_literals(const struct pattern *p, struct strlist *out)
{
    for (size_t i = 0; i < p->texts.n; i++) {
        if (strpbrk(p->texts.v[i], "*+?[](){}|\\^$"))
            continue;
        if (strlist_add(out, p->texts.v[i]) != 0)
            return ERR_NOMEM;
    }
    return 0;
}

void
pattern_free(struct pattern *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->texts.n; i++)
        pcre2_code_free(p->codes[i]);
    free(p->codes);
    strlist_fini(&p->texts);
    free(p);
}
