/* SPDX-License-Identifier: Apache-2.0 */
/* Where browsers on Linux keep the certificates that their user trusts, and what stands there. Both
 * Chromium and Firefox have NSS databases, which certutil (libnss3-tools) changes. */
#ifndef CLI_BROWSERS_H
#define CLI_BROWSERS_H

#include "base/build.h"
#include "cli/cli.h"

enum cli_browser {
    CLI_CHROMIUM, /* and Chrome, and whatever else has its store */
    CLI_FIREFOX,
};
#define CLI_MAX_STORES 64
struct cli_store {
    enum cli_browser browser;
    char *folder; /* heap; it may not be there yet */
};
struct cli_stores {
    struct cli_store items[CLI_MAX_STORES];
    size_t num;
};
void cli_stores_clear(struct cli_stores *s);
const char *cli_browser_name(enum cli_browser b);

/* cli_stores_find finds those of this user, below home: the folder that Chromium reads, those of
 * its packages of snap and flatpak if they are there, and each profile of Firefox's profiles.ini.
 * data_home, config_home: XDG's folders, or NULL. MSE_ERR_MEMORY, MSE_ERR_NO_SPACE. */
MSE_MUST_USE mse_status cli_stores_find(struct cli_stores *out, const char *home,
                                        const char *data_home, const char *config_home,
                                        struct mse_error *err);
/* cli_stores_add adds one; folder is copied. */
MSE_MUST_USE mse_status cli_stores_add(struct cli_stores *s, enum cli_browser b, const char *folder,
                                       struct mse_error *err);
/* cli_profiles_add adds the profiles of a profiles.ini in folder; name: only the one of this name,
 * unless NULL. Profiles whose folder is not there are left out. */
MSE_MUST_USE mse_status cli_profiles_add(struct cli_stores *s, const char *folder,
                                         struct mse_bytes ini, const char *name,
                                         struct mse_error *err);

/* What a store has under a nickname. */
enum cli_import {
    CLI_IMPORT_NONE,  /* nothing */
    CLI_IMPORT_OTHER, /* another certificate, or several */
    CLI_IMPORT_FLAGS, /* this one, trusted in another way than this browser wants it */
    CLI_IMPORT_GOOD,
};
struct cli_import_ask {
    const char *nickname;
    struct mse_bytes der;
    bool is_ca;
    bool force;       /* also in the place of what somebody else imported */
    const char *path; /* of the PEM */
};
/* How this browser has to trust it: P,, for a certificate in Chromium, C,, for a CA, and for either
 * in Firefox (docs/usage.md says why). */
const char *cli_import_flags(enum cli_browser b, bool is_ca);
/* Statuses of all: MSE_ERR_NOT_FOUND: there is no certutil; MSE_ERR_IO: it failed. */
MSE_MUST_USE mse_status cli_import_look(enum cli_import *out, const struct cli_store *s,
                                        const struct cli_import_ask *ask, struct mse_error *err);
/* cli_import_put makes the database if there is none, removes what stands under the nickname, as
 * NSS keeps both otherwise, and imports. A copy below the configuration folder says from then on
 * that it was we. MSE_ERR_EXISTS: somebody else imported what stands there. */
MSE_MUST_USE mse_status cli_import_put(const struct cli_store *s, const struct cli_import_ask *ask,
                                       struct mse_error *err);
struct cli_import_removed {
    unsigned removed;
    unsigned left; /* that somebody else imported: then nothing was removed */
};
/* cli_import_remove removes what stands under the nickname, if it is ask's certificate or was put
 * there by us. */
MSE_MUST_USE mse_status cli_import_remove(struct cli_import_removed *out, const struct cli_store *s,
                                          const struct cli_import_ask *ask, struct mse_error *err);

#endif
