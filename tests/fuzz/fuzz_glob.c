/*
 * common/base/glob.c against a matcher that is written the plain way, with a
 * table of every prefix against every prefix.  Input: pattern, newline, text.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/glob.h"
#include "tests/fuzz/fuzz.h"

#define PATTERN_MAX 64
#define TEXT_MAX    256

static bool
continues(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

/* Length of the character at s: a byte and what continues it. */
static size_t
character(const char *s)
{
    size_t n = 1;
    while (continues(s[n]))
        n++;
    return n;
}

/* can[j]: pattern[0..i) matches text[0..j). */
static bool
plain_match(const char *pattern, const char *text)
{
    const size_t n = strlen(text);
    bool can[TEXT_MAX + 1] = {true};
    for (; *pattern; pattern++) {
        bool next[TEXT_MAX + 1] = {false};
        for (size_t j = 0; j <= n; j++) {
            if (!can[j])
                continue;
            if (*pattern == '*')
                memset(&next[j], true, n + 1 - j);
            else if (*pattern == '?' && j < n)
                next[j + character(&text[j])] = true;
            else if (j < n && text[j] == *pattern)
                next[j + 1] = true;
        }
        memcpy(can, next, sizeof(can));
    }
    return can[n];
}

static void
check(const char *pattern, const char *text)
{
    if (!glob_valid(pattern) || strlen(pattern) > PATTERN_MAX ||
        strlen(text) > TEXT_MAX)
        return;
    const bool got = glob_match(pattern, text);
    FUZZ_CHECK(got == plain_match(pattern, text), "\"%s\" on \"%s\": %d",
               pattern, text, got);
    if (glob_is_literal(pattern))
        FUZZ_CHECK(got == (strcmp(pattern, text) == 0), "literal \"%s\"",
                   pattern);
    FUZZ_CHECK(glob_match("*", text), "\"%s\"", text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    char *pattern = fuzz_line(&in);
    char *text = fuzz_line(&in);
    if (pattern)
        check(pattern, text ? text : "");
    free(pattern);
    free(text);
    return 0;
}
