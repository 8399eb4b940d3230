/*
 * What a configuration says of connections.  Certificates and the data of an
 * SSL engine go to librdkafka's configuration as they are.  Callbacks are
 * called by librdkafka's threads with the opaque of one of our generations; the
 * application wants its own, and a shunt_t: these functions stand between.
 */
#include "sdk/src/handle.h"

static const shunt_conf_t *
conf_of(const void *opaque)
{
    const struct engine_tag *tag = opaque;
    const shunt_t *rk = tag->arg;
    return rk->conf;
}

static int
net_socket(int domain, int type, int protocol, void *arg)
{
    const shunt_conf_t *conf = ((const shunt_t *)arg)->conf;
    return conf->socket_cb(domain, type, protocol, conf->opaque);
}

static int
net_connect(int fd, const struct sockaddr *addr, int len, const char *id,
            void *arg)
{
    const shunt_conf_t *conf = ((const shunt_t *)arg)->conf;
    return conf->connect_cb(fd, addr, len, id, conf->opaque);
}

static int
net_close(int fd, void *arg)
{
    const shunt_conf_t *conf = ((const shunt_t *)arg)->conf;
    return conf->closesocket_cb(fd, conf->opaque);
}

static int
on_socket(int domain, int type, int protocol, void *opaque)
{
    const struct engine_tag *tag = opaque;
    return net_socket(domain, type, protocol, tag->arg);
}

static int
on_connect(int sockfd, const struct sockaddr *addr, int addrlen, const char *id,
           void *opaque)
{
    const struct engine_tag *tag = opaque;
    return net_connect(sockfd, addr, addrlen, id, tag->arg);
}

static int
on_closesocket(int sockfd, void *opaque)
{
    const struct engine_tag *tag = opaque;
    return net_close(sockfd, tag->arg);
}

static int
on_open(const char *pathname, int flags, mode_t mode, void *opaque)
{
    const shunt_conf_t *conf = conf_of(opaque);
    return conf->open_cb(pathname, flags, mode, conf->opaque);
}

static int
on_resolve(const char *node, const char *service, const struct addrinfo *hints,
           struct addrinfo **res, void *opaque)
{
    const shunt_conf_t *conf = conf_of(opaque);
    return conf->resolve_cb(node, service, hints, res, conf->opaque);
}

static int
on_verify(rd_kafka_t *rk, const char *broker_name, int32_t broker_id,
          int *x509_error, int depth, const char *buf, size_t size,
          char *errstr, size_t errstr_size, void *opaque)
{
    const struct engine_tag *tag = opaque;
    shunt_t *handle = tag->arg;
    const shunt_conf_t *conf = handle->conf;
    (void)rk;
    return conf->ssl_cert_verify_cb(handle, broker_name, broker_id, x509_error,
                                    depth, buf, size, errstr, errstr_size,
                                    conf->opaque);
}

void
conf_net_apply(const shunt_conf_t *conf, struct engine *e)
{
    rd_kafka_conf_t *template = e->template;
    if (conf->socket_cb)
        rd_kafka_conf_set_socket_cb(template, on_socket);
    if (conf->connect_cb)
        rd_kafka_conf_set_connect_cb(template, on_connect);
    if (conf->closesocket_cb)
        rd_kafka_conf_set_closesocket_cb(template, on_closesocket);
    e->net = (struct engine_net){
        .socket = conf->socket_cb ? net_socket : NULL,
        .connect = conf->connect_cb ? net_connect : NULL,
        .closesocket = conf->closesocket_cb ? net_close : NULL,
    };
    if (conf->open_cb)
        rd_kafka_conf_set_open_cb(template, on_open);
    if (conf->resolve_cb)
        rd_kafka_conf_set_resolve_cb(template, on_resolve);
    if (conf->ssl_cert_verify_cb)
        (void)rd_kafka_conf_set_ssl_cert_verify_cb(template, on_verify);
}

void
shunt_conf_set_socket_cb(shunt_conf_t *conf,
                         int (*socket_cb)(int domain, int type, int protocol,
                                          void *opaque))
{
    conf->socket_cb = socket_cb;
}

void
shunt_conf_set_connect_cb(shunt_conf_t *conf,
                          int (*connect_cb)(int sockfd,
                                            const struct sockaddr *addr,
                                            int addrlen, const char *id,
                                            void *opaque))
{
    conf->connect_cb = connect_cb;
}

void
shunt_conf_set_closesocket_cb(shunt_conf_t *conf,
                              int (*closesocket_cb)(int sockfd, void *opaque))
{
    conf->closesocket_cb = closesocket_cb;
}

void
shunt_conf_set_open_cb(shunt_conf_t *conf,
                       int (*open_cb)(const char *pathname, int flags,
                                      mode_t mode, void *opaque))
{
    conf->open_cb = open_cb;
}

void
shunt_conf_set_resolve_cb(
    shunt_conf_t *conf, int (*resolve_cb)(const char *node, const char *service,
                                          const struct addrinfo *hints,
                                          struct addrinfo **res, void *opaque))
{
    conf->resolve_cb = resolve_cb;
}

rd_kafka_conf_res_t
shunt_conf_set_ssl_cert_verify_cb(
    shunt_conf_t *conf,
    int (*ssl_cert_verify_cb)(shunt_t *rk, const char *broker_name,
                              int32_t broker_id, int *x509_error, int depth,
                              const char *buf, size_t size, char *errstr,
                              size_t errstr_size, void *opaque))
{
    /* Whether librdkafka was built with SSL, it says itself. */
    const rd_kafka_conf_res_t rc =
        rd_kafka_conf_set_ssl_cert_verify_cb(conf->rk, NULL);
    if (rc == RD_KAFKA_CONF_OK)
        conf->ssl_cert_verify_cb = ssl_cert_verify_cb;
    return rc;
}

rd_kafka_conf_res_t
shunt_conf_set_ssl_cert(shunt_conf_t *conf, rd_kafka_cert_type_t cert_type,
                        rd_kafka_cert_enc_t cert_enc, const void *buffer,
                        size_t size, char *errstr, size_t errstr_size)
{
    return rd_kafka_conf_set_ssl_cert(conf->rk, cert_type, cert_enc, buffer,
                                      size, errstr, errstr_size);
}

void
shunt_conf_set_engine_callback_data(shunt_conf_t *conf, void *callback_data)
{
    rd_kafka_conf_set_engine_callback_data(conf->rk, callback_data);
}
