/*
 * Owns nothing; the one file that includes OpenSSL.  A JKS is: magic, version,
 * entries, and the SHA-1 over the password, a fixed text and all that before.
 */
#include "replicator/stores.h"

#include <limits.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xmem.h"

#define JKS_MAGIC    0xfeedfeedU
#define DIGEST_BYTES 20

enum { ENTRY_KEY = 1, ENTRY_CERTIFICATE = 2 };

static int
broken(struct err *err)
{
    return err_set(err, ERR_CORRUPT, "the store is cut or damaged");
}

/* ---- out --------------------------------------------------------------- */

/* Takes the certificate; NULL: there is none. */
static int
add_take(BIO *to, X509 *cert, struct err *err)
{
    const int ok = cert && PEM_write_bio_X509(to, cert) == 1;
    X509_free(cert);
    return ok ? 0 : broken(err);
}

static int
take_pem(BIO *from, char **pem, struct err *err)
{
    char *data;
    const long len = BIO_get_mem_data(from, &data);
    if (len <= 0)
        return err_set(err, ERR_NOTFOUND,
                       "the store holds no trusted certificate");
    *pem = xasprintf("%.*s", (int)len, data);
    return 0;
}

/* ---- JKS --------------------------------------------------------------- */

static uint32_t
be32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 |
           p[3];
}

/* What is left to read. */
struct rest {
    const unsigned char *p;
    size_t n;
};

/* NULL: there are not so many. */
static const unsigned char *
take(struct rest *r, size_t n)
{
    const unsigned char *p = r->p;
    if (n > r->n)
        return NULL;
    r->p += n;
    r->n -= n;
    return p;
}

/* A length of `size` bytes (2 or 4), and that many bytes. */
static const unsigned char *
take_counted(struct rest *r, size_t size, size_t *len)
{
    const unsigned char *p = take(r, size);
    if (!p)
        return NULL;
    *len = size == 2 ? (size_t)p[0] << 8 | p[1] : be32(p);
    return take(r, *len);
}

/* Its kind, and the certificate itself. */
static const unsigned char *
take_certificate(struct rest *r, size_t *len)
{
    return take_counted(r, 2, len) ? take_counted(r, 4, len) : NULL;
}

static int
skip_key(struct rest *r, struct err *err)
{
    size_t len;
    if (!take_counted(r, 4, &len))
        return broken(err);
    const unsigned char *count = take(r, 4);
    for (uint32_t n = count ? be32(count) : 0; n > 0; n--)
        if (!take_certificate(r, &len))
            return broken(err);
    return count ? 0 : broken(err);
}

static int
read_entry(struct rest *r, BIO *to, struct err *err)
{
    size_t len;
    const unsigned char *tag = take(r, 4);
    if (!tag || !take_counted(r, 2, &len) || !take(r, 8))
        return broken(err); /* alias, date */
    if (be32(tag) == ENTRY_KEY)
        return skip_key(r, err);
    const unsigned char *der = take_certificate(r, &len);
    if (be32(tag) != ENTRY_CERTIFICATE || !der || len > LONG_MAX)
        return broken(err);
    return add_take(to, d2i_X509(NULL, &der, (long)len), err);
}

static int
check_digest(const unsigned char *data, size_t len, const char *password,
             struct err *err)
{
    static const char fixed[] = "Mighty Aphrodite";
    unsigned char is[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    int ok = c && EVP_DigestInit_ex(c, EVP_sha1(), NULL);
    for (const char *p = password; ok && *p; p++) {
        const unsigned char utf16[2] = {0, (unsigned char)*p};
        ok = EVP_DigestUpdate(c, utf16, 2);
    }
    ok = ok && EVP_DigestUpdate(c, fixed, sizeof(fixed) - 1) &&
         EVP_DigestUpdate(c, data, len) && EVP_DigestFinal_ex(c, is, NULL);
    EVP_MD_CTX_free(c);
    if (ok && memcmp(is, data + len, DIGEST_BYTES) == 0)
        return 0;
    return err_set(err, ERR_DENIED,
                   "the password is wrong, or the store was changed");
}

static int
read_jks(const unsigned char *data, size_t len, const char *password, BIO *to,
         struct err *err)
{
    if (len < 12 + DIGEST_BYTES || be32(data + 4) != 2)
        return broken(err);
    struct rest r = {data + 12, len - 12 - DIGEST_BYTES};
    int rc =
        password ? check_digest(data, len - DIGEST_BYTES, password, err) : 0;
    for (uint32_t n = be32(data + 8); n > 0 && rc == 0; n--)
        rc = read_entry(&r, to, err);
    return rc;
}

/* ---- PKCS12 ------------------------------------------------------------ */

static int
read_pkcs12(const unsigned char *data, size_t len, const char *password,
            BIO *to, struct err *err)
{
    EVP_PKEY *key = NULL;
    X509 *own = NULL;
    STACK_OF(X509) *all = NULL;
    PKCS12 *p12 = len <= LONG_MAX ? d2i_PKCS12(NULL, &data, (long)len) : NULL;
    int rc = 0;
    if (!p12)
        return broken(err);
    if (PKCS12_verify_mac(p12, password ? password : "", -1) != 1)
        rc = err_set(err, ERR_DENIED,
                     "the password is missing or wrong, or the store was "
                     "changed");
    else if (PKCS12_parse(p12, password ? password : "", &key, &own, &all) != 1)
        rc = err_set(err, ERR_CORRUPT,
                     "the store is encrypted in a way that OpenSSL does not do "
                     "any more");
    for (int i = 0; rc == 0 && i < sk_X509_num(all); i++)
        if (PEM_write_bio_X509(to, sk_X509_value(all, i)) != 1)
            rc = err_nomem(err);
    sk_X509_pop_free(all, X509_free);
    X509_free(own);
    EVP_PKEY_free(key);
    PKCS12_free(p12);
    return rc;
}

int
store_certificates(const void *data, size_t len, const char *password,
                   char **pem, struct err *err)
{
    const unsigned char *p = data;
    BIO *to = BIO_new(BIO_s_mem());
    if (!to)
        return err_nomem(err);
    int rc = len >= 4 && be32(p) == JKS_MAGIC
                 ? read_jks(p, len, password, to, err)
                 : read_pkcs12(p, len, password, to, err);
    if (rc == 0)
        rc = take_pem(to, pem, err);
    BIO_free(to);
    return rc;
}
