/* SPDX-License-Identifier: Apache-2.0 */
/* Transparency logs of released fingerprints: the Merkle tree of RFC 9162, checkpoints as signed
 * notes, proofs and entries (docs/protocol.md, "Transparency logs"). Everything here is pure:
 * nothing is read, fetched or allocated. Whether evidence that was appraised is in a log is
 * mse_verdict_set_log of <mse/attest.h>. */
#ifndef MSE_LOG_H
#define MSE_LOG_H

#include <mse/status.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MSE_LOG_MAX_NAME       128   /* of a key and of a log (its origin), without the NUL */
#define MSE_LOG_MAX_PATH       64    /* hashes of an inclusion proof */
#define MSE_LOG_MAX_LINK       65    /* hashes of a consistency proof */
#define MSE_LOG_MAX_TEXT       2048  /* signed part of a checkpoint, bytes */
#define MSE_LOG_MAX_NOTE       65536 /* a checkpoint with its signatures, bytes */
#define MSE_LOG_MAX_ENTRY      1024  /* an entry, bytes */
#define MSE_LOG_MAX_ENTRY_TEXT 255   /* name, version or note of an entry, bytes */
#define MSE_LOG_MAX_EXTRA      5120 /* what a proof brings along: entry and consistency proof, bytes */
#define MSE_LOG_TILE_PATH_LEN  64 /* with the NUL */

/* ---- the tree (RFC 9162 section 2.1) ---- */

/* The root over leaves that come one after the other. Zeroed it is the empty tree. */
struct mse_log_tree {
    uint64_t size;
    uint8_t roots[MSE_LOG_MAX_PATH][MSE_SHA256_LEN]; /* of the perfect subtrees, largest first */
};
/* mse_log_leaf_hash hashes an entry, mse_log_node_hash two nodes. MSE_ERR_CRYPTO. */
MSE_API MSE_MUST_USE mse_status mse_log_leaf_hash(uint8_t out[MSE_SHA256_LEN],
                                                  struct mse_bytes entry);
MSE_API MSE_MUST_USE mse_status mse_log_node_hash(uint8_t out[MSE_SHA256_LEN],
                                                  const uint8_t left[MSE_SHA256_LEN],
                                                  const uint8_t right[MSE_SHA256_LEN]);
/* mse_log_tree_add appends a leaf by its hash; mse_log_tree_root gives the root of what is there.
 * MSE_ERR_CRYPTO: the tree is as it was. */
MSE_API MSE_MUST_USE mse_status mse_log_tree_add(struct mse_log_tree *t,
                                                 const uint8_t leaf[MSE_SHA256_LEN]);
MSE_API MSE_MUST_USE mse_status mse_log_tree_root(uint8_t out[MSE_SHA256_LEN],
                                                  const struct mse_log_tree *t);

/* mse_log_verify_inclusion: path (num_path hashes one behind the other, from the leaf upwards)
 * shows that leaf is number index of the tree of size leaves with this root (section 2.1.3.2).
 * MSE_ERR_LOG_INCLUSION, MSE_ERR_CRYPTO. */
MSE_API MSE_MUST_USE mse_status mse_log_verify_inclusion(const uint8_t leaf[MSE_SHA256_LEN],
                                                         uint64_t index, uint64_t size,
                                                         struct mse_bytes path,
                                                         const uint8_t root[MSE_SHA256_LEN]);

/* A tree as somebody states it. */
struct mse_log_head {
    uint64_t size;
    uint8_t root[MSE_SHA256_LEN];
};
/* mse_log_verify_consistency: proof (hashes one behind the other) shows that the tree of now is
 * that of before with leaves appended (section 2.1.4.2; any tree extends the empty one, with an
 * empty proof). MSE_ERR_LOG_ROLLBACK: now is smaller; MSE_ERR_LOG_CONSISTENCY; MSE_ERR_CRYPTO. */
MSE_API MSE_MUST_USE mse_status mse_log_verify_consistency(const struct mse_log_head *before,
                                                           const struct mse_log_head *now,
                                                           struct mse_bytes proof);

/* ---- keys and checkpoints (C2SP signed-note, tlog-checkpoint, tlog-cosignature) ---- */

enum mse_log_key_type {
    MSE_LOG_KEY_LOG = 1,     /* signs checkpoints of its own log: Ed25519 */
    MSE_LOG_KEY_WITNESS = 4, /* cosigns those of others, with a time: Ed25519 */
};
struct mse_log_key {
    char name[MSE_LOG_MAX_NAME + 1];
    uint32_t id;
    enum mse_log_key_type type;
    uint8_t key[32];
};
/* mse_log_key_parse reads "NAME+ID+BASE64", a line end behind it allowed. MSE_ERR_LOG_KEY. */
MSE_API MSE_MUST_USE mse_status mse_log_key_parse(struct mse_log_key *out, struct mse_bytes text,
                                                  struct mse_error *err);
/* mse_log_key_make fills name, type and the key's id. MSE_ERR_LOG_KEY: no name for a key (1 to
 * MSE_LOG_MAX_NAME bytes without white space and plus); MSE_ERR_CRYPTO. */
MSE_API MSE_MUST_USE mse_status mse_log_key_make(struct mse_log_key *out, const char *name,
                                                 enum mse_log_key_type type, const uint8_t key[32],
                                                 struct mse_error *err);

struct mse_log_checkpoint {
    struct mse_bytes origin; /* the log's name; borrowed like the others */
    struct mse_log_head head;
    struct mse_bytes text;       /* what is signed */
    struct mse_bytes signatures; /* the lines behind it */
};
/* mse_log_checkpoint_parse reads a whole note; nothing in it is believed yet. MSE_ERR_LOG_FORM. */
MSE_API MSE_MUST_USE mse_status mse_log_checkpoint_parse(struct mse_log_checkpoint *out,
                                                         struct mse_bytes note,
                                                         struct mse_error *err);
/* mse_log_checkpoint_verify: a checkpoint of the log that has the name of this key, signed by it.
 * MSE_ERR_LOG_KEY: of another log, or without a signature of this key; MSE_ERR_SIGNATURE;
 * MSE_ERR_CRYPTO. */
MSE_API MSE_MUST_USE mse_status mse_log_checkpoint_verify(const struct mse_log_checkpoint *c,
                                                          const struct mse_log_key *key,
                                                          struct mse_error *err);
/* mse_log_checkpoint_cosigned: this witness has cosigned it, at *out_at (may be NULL). Statuses as
 * above. */
MSE_API MSE_MUST_USE mse_status mse_log_checkpoint_cosigned(const struct mse_log_checkpoint *c,
                                                            mse_time *out_at,
                                                            const struct mse_log_key *key,
                                                            struct mse_error *err);

/* ---- entries and proofs ---- */

enum mse_log_kind {
    MSE_LOG_SGX = 0,
    MSE_LOG_TDX,
    MSE_LOG_SNP,
    MSE_LOG_NITRO,
    MSE_LOG_SIM,      /* the simulated platform */
    MSE_LOG_MANIFEST, /* SHA-256 of a manifest */
    MSE_LOG_RUNTIME,  /* SHA-256 of an mse-enclave */
    MSE_LOG_KIND_COUNT
};
/* The word of an entry; "unknown" for none of them. Static. */
MSE_API const char *mse_log_kind_name(enum mse_log_kind k);
/* Exact, case-sensitive; false for an unknown word. */
MSE_API MSE_MUST_USE bool mse_log_kind_parse(enum mse_log_kind *out, struct mse_bytes word);

/* What was released. Texts are borrowed; an empty one is not there, but name always is. */
struct mse_log_entry {
    enum mse_log_kind kind;
    uint8_t fingerprint[MSE_SHA256_LEN];
    struct mse_bytes name;
    struct mse_bytes version;
    size_t signer_len; /* 0, 32 (MRSIGNER) or 48 (a key digest of SEV-SNP) */
    uint8_t signer[48];
    bool has_manifest;
    uint8_t manifest[MSE_SHA256_LEN]; /* SHA-256 of the manifest */
    mse_time date;
    struct mse_bytes note;
};
/* mse_log_entry_parse reads the one form that an entry has. MSE_ERR_LOG_FORM. */
MSE_API MSE_MUST_USE mse_status mse_log_entry_parse(struct mse_log_entry *out, struct mse_bytes in,
                                                    struct mse_error *err);
/* mse_log_entry_write writes it: at most MSE_LOG_MAX_ENTRY bytes. MSE_ERR_LOG_FORM: no such entry
 * can be written (a text with a line end, a date before 1970, more bytes…). */
MSE_API MSE_MUST_USE mse_status mse_log_entry_write(uint8_t out[MSE_LOG_MAX_ENTRY], size_t *out_len,
                                                    const struct mse_log_entry *e,
                                                    struct mse_error *err);

/* A proof for use without a network (C2SP tlog-proof). entry points into extra, so that it holds
 * while this object stays where it is; the checkpoint is borrowed from the input. */
struct mse_log_proof {
    uint64_t index;
    size_t num_path;
    uint8_t path[MSE_LOG_MAX_PATH][MSE_SHA256_LEN];
    struct mse_bytes entry; /* empty: the proof brings none */
    bool has_link;          /* a consistency proof from a tree of link_size leaves */
    uint64_t link_size;
    size_t num_link;
    uint8_t link[MSE_LOG_MAX_LINK][MSE_SHA256_LEN];
    struct mse_log_checkpoint checkpoint;
    uint8_t extra[MSE_LOG_MAX_EXTRA];
};
/* mse_log_proof_parse fills *out, which holds nothing useful after a failure. MSE_ERR_LOG_FORM. */
MSE_API MSE_MUST_USE mse_status mse_log_proof_parse(struct mse_log_proof *out, struct mse_bytes in,
                                                    struct mse_error *err);

/* Several proofs, each as mse_log_proof_parse reads it, for whoever does not know before which
 * version of an app will answer. Borrowed. Whether a log shows others another tree is to be seen
 * before a proof is handed over: its checkpoint against the newest that was seen, with
 * mse_log_verify_consistency. */
struct mse_log_proofs {
    const struct mse_bytes *items;
    size_t num;
};

/* ---- tiles (C2SP tlog-tiles) ---- */

#define MSE_LOG_TILE_WIDTH   256
#define MSE_LOG_TILE_ENTRIES (-1) /* in the place of a level: the bundle of entries */
/* mse_log_tile_path writes where a tile lies below the log's URL: level 0 to 7 or
 * MSE_LOG_TILE_ENTRIES, width 1 to 256. MSE_ERR_ARGUMENT. */
MSE_API MSE_MUST_USE mse_status mse_log_tile_path(char out[MSE_LOG_TILE_PATH_LEN], int level,
                                                  uint64_t index, unsigned width);

#ifdef __cplusplus
}
#endif
#endif
