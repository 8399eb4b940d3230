/* A verdict for people and for programs.  Main thread. */
#ifndef LEDGER_REPORT_H
#define LEDGER_REPORT_H

#include <stdio.h>

#include "tests/tools/ledger/judge.h"

void report_text(const struct book *b, const struct verdict *v, FILE *to);
/* Owned by the caller; NULL: out of memory. */
char *report_json(const struct book *b, const struct verdict *v);

#endif
