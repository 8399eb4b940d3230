/*
 * The services' "changed" list, for people: what a change set has changed, or
 * would.  Pure.
 *
 *     [{"op":"put"|"delete","kind":"rule","key":"..","before":{..}|null,
 *       "after":{..}|null}]
 */
#ifndef SHUNT_CTL_DIFF_H
#define SHUNT_CTL_DIFF_H

#include <stddef.h>

struct buf;
struct json_t;

struct diff_colors {
    const char *removed, *added, *plain; /* escape sequences, or "" */
};

struct diff_count {
    size_t added, changed, deleted;
};

struct diff_count diff_count(const struct json_t *changed);
/* "1 added, 2 changed, 3 deleted" */
void diff_words(const struct json_t *changed, char *to, size_t size);
/* One line for an object that came or went, and for one that changed a line
 * that names it and "-" and "+" lines for each member that differs, at any
 * depth:
 *
 *     + rule new {"id":"new","cluster":"a"}
 *       rule orders
 *     -   cluster: "a"
 *     +   cluster: "b"
 */
void diff_render(struct buf *to, const struct json_t *changed,
                 const struct diff_colors *colors);

#endif
