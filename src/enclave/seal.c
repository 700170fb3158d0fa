/* SPDX-License-Identifier: Apache-2.0 */
/* See seal.h. Each file has a key of its own, out of a salt of 256 random bits, so that no nonce is
 * used twice under one key, whatever the host copies, forks or starts again. */
#include "enclave/seal.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/digest.h"

static const struct {
    const char *magic;
    const char *info;
    mse_status foreign;
} kinds[] = {
    [MSE_SEAL_STATE] = { "MSESTAT1", "mse sealed state v1", MSE_ERR_STATE_FOREIGN },
    [MSE_SEAL_INDEX] = { "MSEINDX1", "mse storage index v1", MSE_ERR_STORAGE_FOREIGN },
    [MSE_SEAL_PACK] = { "MSEPACK1", "mse storage pack v1", MSE_ERR_STORAGE_FOREIGN },
    [MSE_SEAL_STATE_AT] = { "MSESTAT2", "mse sealed state v2", MSE_ERR_STATE_FOREIGN },
};

static const uint8_t zero_nonce[MSE_AEAD_NONCE_LEN];

static mse_status driver_key(uint8_t key[32], struct mse_seal_root *root,
                             const struct mse_enclave_tee *tee, const uint8_t *version,
                             struct mse_error *err)
{
    root->has_version = tee->ops->seal_version != NULL;
    if (version != NULL && !root->has_version) {
        return MSE_FAIL(err, MSE_ERR_STATE_FOREIGN, "sealed state",
                        "it is of another kind of platform than %s", tee->ops->name);
    }
    if (version != NULL) {
        memcpy(root->version, version, sizeof root->version);
    } else if (root->has_version) {
        tee->ops->seal_version(tee->t, root->version);
    }
    return tee->ops->seal_key(tee->t, key, root->has_version ? root->version : NULL, err);
}

mse_status mse_seal_root(struct mse_seal_root *out, const struct mse_enclave_tee *tee,
                         const uint8_t manifest_digest[32], const uint8_t *version,
                         struct mse_error *err)
{
    uint8_t key[32] = { 0 };
    struct mse_seal_root root = { .has_version = false };
    char info[64];
    if (tee->ops->seal_key == NULL) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED, "restart",
                        "\"sealed\" in the manifest, and a TEE of kind %s has no key to seal with",
                        tee->ops->name);
    }
    (void)snprintf(info, sizeof info, "mse seal v1%s", tee->ops->name);
    mse_status st = driver_key(key, &root, tee, version, err);
    if (st == MSE_OK) {
        st = mse_hkdf_sha256(root.key, sizeof root.key, mse_bytes_of(key, sizeof key),
                             mse_bytes_of(manifest_digest, 32), mse_bytes_str(info));
    }
    if (st == MSE_OK) {
        *out = root;
    }
    mse_wipe(key, sizeof key);
    mse_wipe(&root, sizeof root);
    return st;
}

static mse_status name_of(uint8_t out[MSE_SEAL_ID_LEN], const uint8_t root[MSE_SEAL_KEY_LEN],
                          const char *info)
{
    const struct mse_bytes none = { 0 };
    return mse_hkdf_sha256(out, MSE_SEAL_ID_LEN, mse_bytes_of(root, MSE_SEAL_KEY_LEN), none,
                           mse_bytes_str(info));
}

mse_status mse_seal_id(uint8_t out[MSE_SEAL_ID_LEN], const uint8_t root[MSE_SEAL_KEY_LEN])
{
    return name_of(out, root, "mse seal id v1");
}

mse_status mse_seal_counter_id(uint8_t out[MSE_SEAL_ID_LEN], const uint8_t root[MSE_SEAL_KEY_LEN])
{
    return name_of(out, root, "mse counter v1");
}

/* Magic, version (empty but in MSE_SEAL_STATE_AT), id, salt. */
static mse_status write_head(struct mse_build *b, const uint8_t root[MSE_SEAL_KEY_LEN],
                             enum mse_seal_kind kind, struct mse_bytes version,
                             const uint8_t salt[MSE_SEAL_SALT_LEN])
{
    uint8_t id[MSE_SEAL_ID_LEN] = { 0 };
    mse_status st = mse_seal_id(id, root);
    mse_wr_str(b, kinds[kind].magic);
    mse_wr_bytes(b, version);
    mse_wr_copy(b, id, sizeof id);
    mse_wr_copy(b, salt, MSE_SEAL_SALT_LEN);
    return st;
}

mse_status mse_seal_head(uint8_t out[MSE_SEAL_HEAD_LEN], const uint8_t root[MSE_SEAL_KEY_LEN],
                         enum mse_seal_kind kind, const uint8_t salt[MSE_SEAL_SALT_LEN])
{
    static const struct mse_bytes none = { 0 };
    struct mse_build b;
    mse_build_fixed(&b, out, MSE_SEAL_HEAD_LEN);
    mse_status st = write_head(&b, root, kind, none, salt);
    MSE_ASSERT(mse_build_ok(&b) && b.len == MSE_SEAL_HEAD_LEN);
    return st;
}

mse_status mse_seal_key(struct mse_aead **out, const uint8_t root[MSE_SEAL_KEY_LEN],
                        enum mse_seal_kind kind, const uint8_t salt[MSE_SEAL_SALT_LEN])
{
    uint8_t key[MSE_AEAD_KEY_LEN];
    mse_status st =
        mse_hkdf_sha256(key, sizeof key, mse_bytes_of(root, MSE_SEAL_KEY_LEN),
                        mse_bytes_of(salt, MSE_SEAL_SALT_LEN), mse_bytes_str(kinds[kind].info));
    st = st == MSE_OK ? mse_aead_new(out, key) : st;
    mse_wipe(key, sizeof key);
    return st;
}

/* Whether a file of this kind begins with a head of this root and version. */
static mse_status check_head(uint8_t salt[MSE_SEAL_SALT_LEN], const uint8_t root[MSE_SEAL_KEY_LEN],
                             enum mse_seal_kind kind, struct mse_bytes version,
                             struct mse_bytes file)
{
    uint8_t own[MSE_SEAL_ID_LEN];
    struct mse_bytes magic;
    struct mse_bytes told;
    struct mse_bytes id;
    struct mse_bytes seen;
    bool whole = mse_rd_bytes(&file, &magic, 8) &&              // 0 magic
                 mse_rd_bytes(&file, &told, version.len) &&     // 8 version, or nothing
                 mse_rd_bytes(&file, &id, MSE_SEAL_ID_LEN) &&   // id of the root
                 mse_rd_bytes(&file, &seen, MSE_SEAL_SALT_LEN); // salt
    if (!whole || !mse_bytes_is_str(magic, kinds[kind].magic)) {
        return MSE_ERR_MALFORMED;
    }
    mse_status st = mse_seal_id(own, root);
    if (st == MSE_OK &&
        (!mse_bytes_equal(told, version) || !mse_bytes_equal(id, mse_bytes_of(own, sizeof own)))) {
        st = kinds[kind].foreign;
    }
    if (st == MSE_OK) {
        memcpy(salt, seen.data, MSE_SEAL_SALT_LEN);
    }
    return st;
}

mse_status mse_seal_check_head(uint8_t salt[MSE_SEAL_SALT_LEN],
                               const uint8_t root[MSE_SEAL_KEY_LEN], enum mse_seal_kind kind,
                               struct mse_bytes file)
{
    return check_head(salt, root, kind, mse_bytes_of(file.data, 0), file);
}

static mse_status seal(struct mse_build *out, const uint8_t root[MSE_SEAL_KEY_LEN],
                       enum mse_seal_kind kind, struct mse_bytes version, struct mse_bytes plain)
{
    uint8_t salt[MSE_SEAL_SALT_LEN] = { 0 };
    uint8_t head[MSE_SEAL_HEAD_LEN + MSE_TEE_VERSION_LEN];
    struct mse_build h;
    struct mse_aead *aead = NULL;
    mse_build_fixed(&h, head, sizeof head);
    mse_status st = mse_random(salt, sizeof salt);
    st = st == MSE_OK ? write_head(&h, root, kind, version, salt) : st;
    st = st == MSE_OK ? mse_seal_key(&aead, root, kind, salt) : st;
    size_t before = out->len;
    mse_wr_copy(out, head, st == MSE_OK ? h.len : 0);
    uint8_t *room = st == MSE_OK ? mse_wr_space(out, plain.len + MSE_AEAD_TAG_LEN) : NULL;
    if (st == MSE_OK && room == NULL) {
        st = MSE_ERR_NO_SPACE;
    }
    if (st == MSE_OK) {
        st = mse_aead_seal(aead, room, zero_nonce, mse_build_view(&h), plain);
    }
    mse_aead_free(aead);
    out->len = st == MSE_OK ? out->len : before;
    return st;
}

static mse_status unseal(struct mse_build *out, const uint8_t root[MSE_SEAL_KEY_LEN],
                         enum mse_seal_kind kind, struct mse_bytes version, struct mse_bytes file)
{
    uint8_t salt[MSE_SEAL_SALT_LEN];
    size_t head = MSE_SEAL_HEAD_LEN + version.len;
    size_t extra = head + MSE_AEAD_TAG_LEN;
    struct mse_aead *aead = NULL;
    mse_status st = check_head(salt, root, kind, version, file);
    if (st == MSE_OK && file.len < extra) {
        st = MSE_ERR_MALFORMED;
    }
    st = st == MSE_OK ? mse_seal_key(&aead, root, kind, salt) : st;
    size_t before = out->len;
    /* One byte more, so that there is an address for the empty content too. */
    uint8_t *room = st == MSE_OK ? mse_wr_space(out, file.len - extra + 1) : NULL;
    if (st == MSE_OK && room == NULL) {
        st = MSE_ERR_NO_SPACE;
    }
    if (st == MSE_OK) {
        st = mse_aead_open(aead, room, zero_nonce, mse_bytes_of(file.data, head),
                           mse_bytes_of(file.data + head, file.len - head));
    }
    mse_aead_free(aead);
    out->len = st == MSE_OK ? before + file.len - extra : before;
    return st;
}

mse_status mse_seal(struct mse_build *out, const uint8_t root[MSE_SEAL_KEY_LEN],
                    enum mse_seal_kind kind, struct mse_bytes plain)
{
    static const struct mse_bytes none = { 0 };
    return seal(out, root, kind, none, plain);
}

mse_status mse_unseal(struct mse_build *out, const uint8_t root[MSE_SEAL_KEY_LEN],
                      enum mse_seal_kind kind, struct mse_bytes file)
{
    return unseal(out, root, kind, mse_bytes_of(file.data, 0), file);
}

/* ---- the state ---- */

static enum mse_seal_kind state_kind(const struct mse_seal_root *root)
{
    return root->has_version ? MSE_SEAL_STATE_AT : MSE_SEAL_STATE;
}

static struct mse_bytes version_of(const struct mse_seal_root *root)
{
    return mse_bytes_of(root->version, root->has_version ? sizeof root->version : 0);
}

mse_status mse_seal_state(struct mse_build *out, const struct mse_seal_root *root,
                          struct mse_bytes plain)
{
    return seal(out, root->key, state_kind(root), version_of(root), plain);
}

mse_status mse_unseal_state(struct mse_build *out, const struct mse_seal_root *root,
                            struct mse_bytes file)
{
    return unseal(out, root->key, state_kind(root), version_of(root), file);
}

const uint8_t *mse_seal_state_version(struct mse_bytes file)
{
    struct mse_bytes magic;
    struct mse_bytes version;
    bool there = mse_rd_bytes(&file, &magic, 8) &&                   // 0 magic
                 mse_rd_bytes(&file, &version, MSE_TEE_VERSION_LEN); // 8 version
    return there && mse_bytes_is_str(magic, kinds[MSE_SEAL_STATE_AT].magic) ? version.data : NULL;
}
