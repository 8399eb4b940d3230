/* Requests that are answered by a message from another thread. */
#include <stdlib.h>

#include "common/base/js.h"
#include "common/base/must.h"
#include "common/base/xmem.h"
#include "route-service/api_parts.h"

static void
on_requester_gone(void *arg)
{
    struct later *l = arg;
    l->req = NULL;
}

struct later *
later_new(struct worker *w, struct http_req *req, enum endpoint ep)
{
    struct later *l = xcalloc(1, sizeof(*l));
    *l = (struct later){w, ep, req};
    http_req_on_close(req, on_requester_gone, l);
    return l;
}

void
later_drop(struct later *l)
{
    free(l);
}

void
later_reply_take(struct later *l, struct json_t *taken)
{
    if (l->req)
        api_reply_take(l->w, l->req, l->ep, taken);
    else
        js_free(taken);
    later_drop(l);
}

void
later_reply_text(struct later *l, const char *text, size_t len)
{
    if (l->req)
        api_reply_text(l->w, l->req, l->ep, text, len);
    later_drop(l);
}

void
later_refuse(struct later *l, const struct err *err)
{
    if (l->req)
        api_refuse(l->w, l->req, l->ep, err);
    later_drop(l);
}

/* ---- the offload thread -------------------------------------------------- */

static void
work_free(struct work *work)
{
    table_unref(work->table);
    pt_identity_fini(&work->id);
    free(work->text);
    free(work);
}

static void
on_worked(void *arg)
{
    struct work *work = arg;
    if (work->rc)
        later_refuse(work->later, &work->err);
    else
        later_reply_text(work->later, work->text, work->len);
    work_free(work);
}

void
api_offload(struct worker *w, struct http_req *req, enum endpoint ep,
            const struct work *init, void (*fn)(void *work))
{
    struct work *work = xmalloc(sizeof(*work));
    struct err err;
    *work = *init;
    work->later = later_new(w, req, ep);
    if (offload_submit(w->service->offload, w->loop, fn, on_worked, work,
                       &err) == 0)
        return;
    later_refuse(work->later, &err);
    work_free(work);
}
