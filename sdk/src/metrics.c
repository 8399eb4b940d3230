/* See metrics.h. */
#include "sdk/src/metrics.h"

#include <string.h>

#include "sdk/src/name.h"

int
metrics_init(struct metrics *m)
{
    for (size_t i = 0; i < METRICS_N; i++)
        atomic_init(&m->counters[i], 0);
    m->n_phases = 0;
    m->since = 0;
    m->stall_ms = -1;
    return pthread_mutex_init(&m->mutex, NULL) == 0 ? 0 : ERR_NOMEM;
}

void
metrics_fini(struct metrics *m)
{
    pthread_mutex_destroy(&m->mutex);
}

void
metrics_switch_begins(struct metrics *m, const char *to)
{
    size_t kept = 0;
    if (!m)
        return;
    pthread_mutex_lock(&m->mutex);
    for (size_t i = 0; i < m->n_phases; i++)
        if (strcmp(m->phases[i].to, to) != 0)
            m->phases[kept++] = m->phases[i];
    m->n_phases = kept;
    pthread_mutex_unlock(&m->mutex);
}

/* NULL: there are too many. */
static struct metric_phase *
phase_place(struct metrics *m, const char *to, const char *phase)
{
    for (size_t i = 0; i < m->n_phases; i++)
        if (strcmp(m->phases[i].to, to) == 0 &&
            strcmp(m->phases[i].phase, phase) == 0)
            return &m->phases[i];
    return m->n_phases < METRIC_PHASES_MAX ? &m->phases[m->n_phases++] : NULL;
}

void
metrics_phase(struct metrics *m, const char *to, const char *phase, int64_t ms)
{
    to = name_intern(to);
    if (!m || !to)
        return;
    pthread_mutex_lock(&m->mutex);
    struct metric_phase *place = phase_place(m, to, phase);
    if (place)
        *place = (struct metric_phase){to, phase, ms};
    pthread_mutex_unlock(&m->mutex);
}

void
metrics_switched(struct metrics *m, int64_t since, int64_t stall_ms)
{
    if (!m)
        return;
    pthread_mutex_lock(&m->mutex);
    m->since = since;
    if (stall_ms >= 0)
        m->stall_ms = stall_ms;
    pthread_mutex_unlock(&m->mutex);
    if (stall_ms < 0)
        return;
    metrics_add(m, METRIC_SWITCHES, 1);
    metrics_add(m, METRIC_SWITCH_STALL_MS, stall_ms);
}
