/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/api_schemas.h"

#include <stddef.h>

#define UUID   "{\"type\":\"string\",\"format\":\"uuid\"}"
#define TEXT   "{\"type\":\"string\",\"maxLength\":255}"
#define STRING "{\"type\":\"string\"}"
#define OPTION "{\"type\":[\"string\",\"null\"]}"
#define TIME   "{\"type\":\"string\",\"format\":\"date-time\"}"
#define NUMBER "{\"type\":\"integer\",\"minimum\":0}"
#define BOOL   "{\"type\":\"boolean\"}"
#define PORT   "{\"type\":[\"integer\",\"null\"],\"minimum\":1,\"maximum\":65535}"
#define MODE   "{\"enum\":[\"self\",\"owner\",\"operator\"]}"
#define STATUS "{\"enum\":[\"spawning\",\"initializing\",\"running\",\"stopped\",\"on_error\"]}"
#define SCOPES                                                                                     \
    "{\"type\":\"array\",\"minItems\":1,\"uniqueItems\":true,\"items\":"                           \
    "{\"enum\":[\"read\",\"deploy\",\"account\",\"admin\"]}}"
#define HEX64 "{\"type\":\"string\",\"pattern\":\"^[0-9a-f]{64}$\"}"
#define TEES  "{\"type\":\"array\",\"items\":{\"type\":\"string\"}}"
#define LINES                                                                                      \
    "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"at\",\"text\"],"           \
    "\"properties\":{\"at\":" TIME ",\"text\":" STRING "}}}"
#define SERIES                                                                                     \
    "{\"type\":\"array\",\"items\":{\"type\":\"array\",\"minItems\":2,\"maxItems\":2,"             \
    "\"prefixItems\":[" TIME ",{\"type\":\"number\"}]}}"
#define SESSION                                                                                    \
    "{\"type\":\"object\",\"required\":[\"level\",\"nonce\",\"evidence\"],\"properties\":{"        \
    "\"level\":{\"const\":1},\"nonce\":" HEX64 ",\"evidence\":" STRING "}}"
#define PLACES                                                                                     \
    "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"number\",\"node\","        \
    "\"status\"],\"properties\":{\"number\":" NUMBER ",\"node\":" OPTION ",\"status\":"            \
    "{\"enum\":[\"waiting\",\"starting\",\"running\",\"unreachable\",\"ended\"]},"                 \
    "\"detail\":" STRING "}}}"
#define END                                                                                        \
    {                                                                                              \
        NULL, NULL, false                                                                          \
    }
#define NOTHING "false"

static const struct api_member problem[] = {
    { "type", STRING, true },
    { "title", STRING, true },
    { "status", NUMBER, true },
    { "detail", STRING, true },
    { "hint", STRING, false },
    { "app", UUID, false },
    END,
};
static const struct api_member user[] = {
    { "id", UUID, true },         { "name", TEXT, true },
    { "given_name", TEXT, true }, { "family_name", TEXT, true },
    { "email", TEXT, true },      { "created_at", TIME, true },
    { "configured", BOOL, true }, { "email_verified", BOOL, true },
    { "admin", BOOL, true },      END,
};
static const struct api_member token[] = {
    { "id", UUID, true },
    { "name", TEXT, true },
    { "scopes", SCOPES, true },
    { "created_at", TIME, true },
    { "expires_at", TIME, true },
    { "revoked_at", TIME, false },
    END,
};
static const struct api_member new_token[] = {
    { "id", UUID, true },
    { "name", TEXT, true },
    { "scopes", SCOPES, true },
    { "created_at", TIME, true },
    { "expires_at", TIME, true },
    { "token", STRING, true },
    END,
};
static const struct api_member token_asked[] = {
    { "name", "{\"type\":\"string\",\"maxLength\":64}", true },
    { "scopes", SCOPES, false },
    { "days", "{\"type\":\"integer\",\"minimum\":1,\"maximum\":3650}", false },
    END,
};
static const struct api_member project[] = {
    { "id", UUID, true },
    { "name", TEXT, true },
    { "description", TEXT, true },
    { "owner_id", UUID, true },
    { "is_default", BOOL, true },
    { "created_at", TIME, true },
    END,
};
static const struct api_member project_asked[] = {
    { "name", "{\"type\":\"string\",\"minLength\":1,\"maxLength\":255}", true },
    { "description", TEXT, false },
    END,
};
static const struct api_member hardware[] = {
    { "name", TEXT, true },           { "tee", TEXT, true },
    { "memory", NUMBER, true },       { "cores", NUMBER, true },
    { "enclave_size", NUMBER, true }, END,
};
static const struct api_member defaults[] = {
    { "project", TEXT, true },
    { "hardware", "{\"type\":[\"string\",\"null\"]}", true },
    END,
};
static const struct api_member reservation_asked[] = {
    { "app_id", UUID, false },
    { "name", "{\"type\":\"string\",\"minLength\":1,\"maxLength\":255}", true },
    { "project", TEXT, true },
    { "mode", MODE, true },
    END,
};
static const struct api_member reservation[] = {
    { "app_id", UUID, true },        { "name", TEXT, true },
    { "project_id", UUID, true },    { "mode", MODE, true },
    { "domain_name", OPTION, true }, { "config_domain_name", STRING, true },
    { "port", PORT, true },          { "expires_default", TIME, true },
    { "expires_at", TIME, true },    END,
};
static const struct api_member app_asked[] = {
    { "conf",
      "{\"type\":\"object\",\"required\":[\"project\",\"hardware\",\"reservation\"],"
      "\"additionalProperties\":false,\"properties\":{\"project\":" TEXT ",\"hardware\":" TEXT
      ",\"reservation\":" UUID "}}",
      true },
    { "manifest", "{\"type\":\"object\"}", true },
    { "client_ca", "{\"type\":\"string\",\"contentMediaType\":\"application/x-pem-file\"}", false },
    { "code", "{\"type\":\"string\",\"contentMediaType\":\"application/octet-stream\"}", true },
    END,
};
static const struct api_member app[] = {
    { "id", UUID, true },
    { "name", TEXT, true },
    { "project_id", UUID, true },
    { "owner_id", UUID, true },
    { "domain_name", STRING, true },
    { "config_domain_name", STRING, true },
    { "port", PORT, true },
    { "created_at", TIME, true },
    { "ready_at", TIME, false },
    { "stopped_at", TIME, false },
    { "status", STATUS, true },
    { "detail", STRING, false },
    { "hardware_name", TEXT, true },
    { "mode", MODE, true },
    { "ssl_certificate_origin", MODE, true },
    { "expires_at", TIME, true },
    { "python_application", STRING, false },
    { "command", STRING, false },
    { "healthcheck_endpoint", STRING, true },
    { "fingerprint", "{\"type\":[\"string\",\"null\"],\"pattern\":\"^[0-9a-f]{64}$\"}", true },
    { "node", OPTION, true },
    { "replicas", "{\"type\":\"integer\",\"minimum\":1,\"maximum\":64}", true },
    { "instances", PLACES, false },
    END,
};
static const struct api_member logs[] = { { "lines", LINES, true }, { "next", NUMBER, true }, END };
static const struct api_member metrics[] = { END };
static const struct api_member evidence[] = {
    { "version", "{\"const\":1}", true },
    { "certificates", STRING, true },
    { "manifest", STRING, true },
    { "collected_at", TIME, true },
    { "collateral", "{\"type\":\"object\"}", false },
    { "session", SESSION, false },
    END,
};
static const struct api_member health[] = { { "status", "{\"const\":\"ok\"}", true }, END };
static const struct api_member login_asked[] = {
    { "id_token", STRING, true },
    { "nonce", STRING, true },
    END,
};
static const struct api_member login[] = {
    { "token", STRING, true },
    { "name", STRING, true },
    { "user", STRING, true },
    { "expires_at", TIME, true },
    END,
};
static const struct api_member version[] = {
    { "version", STRING, true },
    { "domain", STRING, true },
    { "dev_domain", STRING, true },
    { "port", PORT, true },
    { "signer", HEX64, true },
    { "tee", TEES, true },
    { "simulation_root", STRING, false },
    { "oidc", "{\"type\":\"object\"}", false },
    END,
};

const struct api_schema api_schemas[] = {
    { "Problem", problem, NULL },
    { "User", user, NULL },
    { "Token", token, NOTHING },
    { "NewToken", new_token, NOTHING },
    { "TokenAsked", token_asked, NOTHING },
    { "Project", project, NULL },
    { "ProjectAsked", project_asked, NOTHING },
    { "Hardware", hardware, NULL },
    { "Defaults", defaults, NULL },
    { "ReservationAsked", reservation_asked, NOTHING },
    { "Reservation", reservation, NULL },
    { "AppAsked", app_asked, NOTHING },
    { "App", app, NULL },
    { "Logs", logs, NULL },
    { "Metrics", metrics, SERIES },
    { "Evidence", evidence, NULL },
    { "Health", health, NULL },
    { "LoginAsked", login_asked, NOTHING },
    { "Login", login, NULL },
    { "Version", version, NULL },
    { NULL, NULL, NULL },
};
