/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/bytes.h"
#include "conf/toml_shim.h"

static void clear(struct mse_toml_node *n)
{
    for (size_t i = 0; i < n->num; i++) {
        clear(&n->items[i]);
    }
    free(n->items);
    free(n->owned[0]);
    free(n->owned[1]);
}

void mse_toml_free(struct mse_toml_node *root)
{
    if (root != NULL) {
        clear(root);
    }
    free(root);
}

const struct mse_toml_node *mse_toml_get(const struct mse_toml_node *n, const char *key)
{
    for (size_t i = 0; n != NULL && n->type == MSE_TOML_TABLE && i < n->num; i++) {
        if (mse_bytes_is_str(n->items[i].key, key)) {
            return &n->items[i];
        }
    }
    return NULL;
}
