/* SPDX-License-Identifier: Apache-2.0 */
/* msed.toml: what it may say, what is there without being said, and what is refused. */
#include "lib/testlib.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "operator/config.h"

#define BASE "domain = \"a.example\"\ndatabase = \"x.sqlite\"\nsigner_key = \"k.pem\"\n"

static mse_status parse(struct mse_op_config *out, const char *text, struct mse_error *err)
{
    return mse_op_config_parse(out, "/etc/msed/msed.toml", mse_bytes_str(text), err);
}

static void has_defaults(void **state)
{
    struct mse_op_config c;
    (void)state;
    assert_status(parse(&c, BASE, NULL), MSE_OK);
    assert_string_equal(c.database, "/etc/msed/x.sqlite");
    assert_string_equal(c.dev_domain, "dev.a.example");
    assert_string_equal(c.api.listen, MSE_OP_API_LISTEN);
    assert_string_equal(c.api.spool, "/var/tmp");
    assert_null(c.api.certificate);
    assert_int_equal(c.api.max_package, 1024);
    assert_int_equal(c.api.upload_seconds, 600);
    assert_int_equal(c.api.database_seconds, 15);
    assert_int_equal(c.api.public_port, 0);
    assert_string_equal(c.gateway.listen, MSE_OP_GATEWAY_LISTEN);
    assert_string_equal(c.node.name, "local");
    assert_string_equal(c.node.data, "/etc/msed/node");
    assert_null(c.node.platform);
    mse_op_config_clear(&c);
}

static void reads_the_roles(void **state)
{
    struct mse_op_config c;
    (void)state;
    assert_status(parse(&c,
                        BASE "dev_domain = \"d.example\"\n[api]\nlisten = \"[::1]:0\"\n"
                             "certificate = \"a.pem\"\nkey = \"/k.pem\"\npublic_port = 443\n"
                             "database_seconds = 60\n"
                             "[gateway]\nlisten = \"0.0.0.0:443\"\n[node]\nplatform = \"sim\"\n",
                        NULL),
                  MSE_OK);
    assert_string_equal(c.dev_domain, "d.example");
    assert_string_equal(c.api.certificate, "/etc/msed/a.pem");
    assert_string_equal(c.api.key, "/k.pem");
    assert_int_equal(c.api.public_port, 443);
    assert_int_equal(c.api.database_seconds, 60);
    assert_string_equal(c.node.platform, "/etc/msed/sim");
    mse_op_config_clear(&c);
}

#define OIDC "[oidc]\nissuer = \"https://id.example/realm\"\n"

static void reads_the_issuer(void **state)
{
    struct mse_op_config c;
    (void)state;
    assert_status(parse(&c, BASE OIDC "client_id = \"mse\"\n", NULL), MSE_OK);
    assert_true(c.oidc.there);
    assert_string_equal(c.oidc.scopes, "openid email profile");
    assert_int_equal(c.oidc.days, 30);
    assert_int_equal(c.oidc.redirect_port, 0);
    assert_false(c.oidc.create_users);
    assert_false(c.oidc.link_by_email);
    assert_null(c.oidc.page);
    mse_op_config_clear(&c);
    assert_status(parse(&c,
                        BASE OIDC "client_id = \"mse\"\nscopes = \"profile openid\"\ndays = 1\n"
                                  "create_users = true\nlink_by_email = true\n"
                                  "redirect_port = 4711\npage = \"https://op.example:8443\"\n",
                        NULL),
                  MSE_OK);
    assert_string_equal(c.oidc.scopes, "profile openid");
    assert_int_equal(c.oidc.redirect_port, 4711);
    assert_string_equal(c.oidc.page, "https://op.example:8443");
    assert_true(c.oidc.create_users && c.oidc.link_by_email);
    mse_op_config_clear(&c);
    /* Without the table nobody logs in this way. */
    assert_status(parse(&c, BASE, NULL), MSE_OK);
    assert_false(c.oidc.there);
    mse_op_config_clear(&c);
}

static void refuses(void **state)
{
    static const struct {
        const char *text;
        const char *why;
    } bad[] = {
        { "", "domain" },
        { "domain = \"A\"\ndatabase = \"x\"\nsigner_key = \"k\"\n", "wanted a host name" },
        { "domain = \"a\"\ndatabase = \"mysql://x\"\nsigner_key = \"k\"\n", "of no kind" },
        { BASE "dev_domain = \"a.example\"\n", "not the domain" },
        { BASE "[api]\nlisten = \"here\"\n", "wanted ADDRESS:PORT" },
        { BASE "[api]\nlisten = \"1.2.3.4:65536\"\n", "wanted ADDRESS:PORT" },
        { BASE "[gateway]\nlisten = \":1\"\n", "wanted ADDRESS:PORT" },
        { BASE "[api]\nkey = \"k\"\n", "belong together" },
        { BASE "[gateway]\ncertificate = \"c\"\n", "belong together" },
        { BASE "[api]\nmax_package = 0\n", "max_package" },
        { BASE "[api]\npublic_port = 65536\n", "public_port" },
        { BASE "[oidc]\nissuer = \"https://id.example\"\n", "client_id is missing" },
        { BASE "[oidc]\nclient_id = \"c\"\n", "issuer is missing" },
        { BASE "[oidc]\nissuer = \"http://id.example\"\nclient_id = \"c\"\n",
          "wanted an https URL" },
        { BASE "[oidc]\nissuer = \"https://id.example?x\"\nclient_id = \"c\"\n",
          "without a query" },
        { BASE OIDC "client_id = \"a b\"\n", "no client is called by" },
        { BASE OIDC "client_id = \"c\"\npage = \"https://op.example/\"\n", "wanted https://HOST" },
        { BASE OIDC "client_id = \"c\"\npage = \"http://op.example\"\n", "wanted https://HOST" },
        { BASE OIDC "client_id = \"c\"\npage = \"https://op.example?x\"\n", "wanted https://HOST" },
        { BASE OIDC "client_id = \"c\"\npage = \"op.example\"\n", "wanted https://HOST" },
        { BASE OIDC "client_id = \"c\"\nscopes = \"email\"\n", "openid among them" },
        { BASE OIDC "client_id = \"c\"\nscopes = \"openid  email\"\n", "one space between" },
        { BASE OIDC "client_id = \"c\"\ndays = 0\n", "days" },
        { BASE OIDC "client_id = \"c\"\ncreate_users = 1\n", "create_users" },
        { BASE "[node]\nnam = \"x\"\n", "did you mean \"name\"?" },
        { BASE "[node]\ntee = \"nitro\"\n", "wanted sim, sgx" },
        { BASE "[node]\ntee = \"sgx\"\nrootfs = \"r\"\n", "wants rootfs and libpal" },
        { BASE "[node]\ntee = \"sgx\"\nrootfs = \"r\"\nlibpal = \"l\"\nplatform = \"sim\"\n",
          "platform is a simulated one's" },
        { BASE "[node]\nlibpal = \"l\"\n", "are for tee = \"sgx\"" },
    };
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(bad); i++) {
        struct mse_op_config c;
        struct mse_error err = { 0 };
        print_message("# %zu\n", i);
        assert_status(parse(&c, bad[i].text, &err), MSE_ERR_CONFIG);
        print_message("# %s\n", err.text);
        assert_non_null(strstr(err.text, bad[i].why));
    }
}

static void names_another_node(void **state)
{
    struct mse_op_config c;
    struct mse_error err = { 0 };
    (void)state;
    assert_status(parse(&c, BASE "[node]\nname = \"one\"\n", NULL), MSE_OK);
    assert_status(mse_op_config_set_node(&c, NULL, NULL, &err), MSE_OK);
    assert_string_equal(c.node.name, "one");
    assert_string_equal(c.node.address, "127.0.0.1");
    assert_status(mse_op_config_set_node(&c, "two", "192.0.2.7", &err), MSE_OK);
    assert_string_equal(c.node.name, "two");
    assert_string_equal(c.node.address, "192.0.2.7");
    assert_status(mse_op_config_set_node(&c, "", NULL, &err), MSE_ERR_CONFIG);
    assert_non_null(strstr(err.text, "--name is \"\""));
    err = (struct mse_error) { 0 };
    assert_status(mse_op_config_set_node(&c, NULL, "a b", &err), MSE_ERR_CONFIG);
    assert_non_null(strstr(err.text, "--address is \"a b\""));
    assert_string_equal(c.node.name, "two");
    assert_string_equal(c.node.address, "192.0.2.7");
    mse_op_config_clear(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_defaults),       cmocka_unit_test(reads_the_roles),
        cmocka_unit_test(reads_the_issuer),   cmocka_unit_test(refuses),
        cmocka_unit_test(names_another_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
