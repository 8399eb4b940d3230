/*
 * MirrorMaker 2's two replication policies.  Java's rules are kept to the
 * letter where they decide what is copied (cycles, heartbeats), because MM2
 * and Shunt must agree on it; see the reference, section 3.
 */
#include "common/mm2/naming.h"

#include <stdio.h>
#include <string.h>

#include "common/base/strs.h"

#define HEARTBEATS "heartbeats"

int
naming_policy_of(const char *name)
{
    if (name && strcmp(name, "default") == 0)
        return NAMING_DEFAULT;
    if (name && strcmp(name, "identity") == 0)
        return NAMING_IDENTITY;
    return -1;
}

static int
fitted(int printed, size_t size)
{
    return printed >= 0 && (size_t)printed < size ? 0 : ERR_LIMIT;
}

static const char *
internal_separator(const struct naming *n)
{
    return n->separator_in_internal ? n->separator : ".";
}

/* With the identity policy, only heartbeats are renamed. */
static bool
renamed(const struct naming *n, const char *topic)
{
    return n->policy == NAMING_DEFAULT || str_ends_with(topic, HEARTBEATS);
}

/* Java's split drops empty pieces at the end: a name that is only separators
 * after its first piece has no source. */
static bool
only_separators(const char *s, const char *separator)
{
    const size_t n = strlen(separator);
    while (n > 0 && strncmp(s, separator, n) == 0)
        s += n;
    return *s == '\0';
}

/* "a.b.c": "b.c", with the length of "a"; NULL for a topic without source. */
static const char *
upstream_of(const struct naming *n, const char *topic, size_t *source_len)
{
    const char *at = *n->separator ? strstr(topic, n->separator) : NULL;
    if (!at)
        return NULL;
    *source_len = (size_t)(at - topic);
    const char *rest = at + strlen(n->separator);
    return only_separators(rest, n->separator) ? NULL : rest;
}

int
naming_remote(const struct naming *n, const char *source, const char *topic,
              char *out, size_t size)
{
    if (!renamed(n, topic))
        return fitted(snprintf(out, size, "%s", topic), size);
    return fitted(snprintf(out, size, "%s%s%s", source, n->separator, topic),
                  size);
}

bool
naming_is_copy_from(const struct naming *n, const char *source,
                    const char *topic, const char **upstream)
{
    /* By prefix, not by first piece: an alias may contain the separator. */
    if (!renamed(n, topic) || !*n->separator || !str_starts_with(topic, source))
        return false;
    const char *rest = topic + strlen(source);
    if (!str_starts_with(rest, n->separator))
        return false;
    rest += strlen(n->separator);
    if (only_separators(rest, n->separator))
        return false;
    *upstream = rest;
    return true;
}

int
naming_offset_syncs(const struct naming *n, const char *alias, char *out,
                    size_t size)
{
    const char *sep = internal_separator(n);
    return fitted(
        snprintf(out, size, "mm2-offset-syncs%s%s%sinternal", sep, alias, sep),
        size);
}

int
naming_checkpoints(const struct naming *n, const char *alias, char *out,
                   size_t size)
{
    const char *sep = internal_separator(n);
    return fitted(
        snprintf(out, size, "%s%scheckpoints%sinternal", alias, sep, sep),
        size);
}

bool
naming_is_heartbeats(const struct naming *n, const char *topic)
{
    size_t len;
    for (const char *up = topic; up; up = upstream_of(n, up, &len))
        topic = up;
    return strcmp(topic, HEARTBEATS) == 0;
}

/* `s` without `suffix`, as a length; -1 when it does not end with it. */
static long
without_suffix(const char *s, size_t len, const char *suffix)
{
    const size_t n = strlen(suffix);
    if (len < n || memcmp(s + len - n, suffix, n) != 0)
        return -1;
    return (long)(len - n);
}

bool
naming_is_internal(const struct naming *n, const char *topic)
{
    if (str_starts_with(topic, "__") || str_starts_with(topic, "."))
        return true;
    const char *sep = internal_separator(n);
    long left = without_suffix(topic, strlen(topic), "internal");
    if (left >= 0)
        left = without_suffix(topic, (size_t)left, sep);
    if (left < 0)
        return false;
    if (str_starts_with(topic, "mm2"))
        return true;
    left = without_suffix(topic, (size_t)left, "checkpoints");
    return left >= 0 && without_suffix(topic, (size_t)left, sep) >= 0;
}

bool
naming_is_cycle(const struct naming *n, const char *target, const char *topic)
{
    if (!renamed(n, topic))
        return false;
    const size_t target_len = strlen(target);
    size_t len;
    const char *up;
    for (; (up = upstream_of(n, topic, &len)); topic = up)
        if (len == target_len && memcmp(topic, target, len) == 0)
            return true;
    return false;
}
