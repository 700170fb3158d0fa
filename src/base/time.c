/* SPDX-License-Identifier: Apache-2.0 */
/* Dates: pure calendar arithmetic, no clock, no time zone, no libc state. */
#include "base/bytes.h"
#include "base/util.h"

/* Days since 1970-01-01 in the proleptic Gregorian calendar; years start in March inside. */
static int64_t days_from_civil(int64_t y, int64_t m, int64_t d)
{
    y -= m <= 2 ? 1 : 0;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

static void civil_from_days(int64_t z, int64_t *y, int64_t *m, int64_t *d)
{
    z += 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *d = doy - (153 * mp + 2) / 5 + 1;
    *m = mp + (mp < 10 ? 3 : -9);
    *y = yoe + era * 400 + (*m <= 2 ? 1 : 0);
}

static int days_in_month(int year, int month)
{
    static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

/* One parameter per field of a date. NOLINTNEXTLINE(readability-function-size) */
bool mse_time_from_civil(mse_time *out, int year, int month, int day, int hour, int min, int sec)
{
    if (year < 1970 || year > 9999 || month < 1 || month > 12 || day < 1 ||
        day > days_in_month(year, month) || hour < 0 || hour > 23 || min < 0 || min > 59 ||
        sec < 0 || sec > 59) {
        return false;
    }
    *out =
        days_from_civil(year, month, day) * 86400 + (int64_t)hour * 3600 + (int64_t)min * 60 + sec;
    return true;
}

static bool rd_digits(struct mse_bytes *in, size_t n, int *out)
{
    struct mse_bytes digits;
    if (!mse_rd_bytes(in, &digits, n)) {
        return false;
    }
    int v = 0;
    for (size_t i = 0; i < n; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9') {
            return false;
        }
        v = v * 10 + (digits.data[i] - '0');
    }
    *out = v;
    return true;
}

static bool rd_char(struct mse_bytes *in, char want)
{
    uint8_t c = 0;
    return mse_rd_u8(in, &c) && c == (uint8_t)want;
}

bool mse_time_parse(mse_time *out, struct mse_bytes in)
{
    int year = 0;
    int month = 0;
    int day = 0;
    int hour = 0;
    int min = 0;
    int sec = 0;
    return rd_digits(&in, 4, &year) &&  // YYYY
           rd_char(&in, '-') &&         //
           rd_digits(&in, 2, &month) && // MM
           rd_char(&in, '-') &&         //
           rd_digits(&in, 2, &day) &&   // DD
           rd_char(&in, 'T') &&         //
           rd_digits(&in, 2, &hour) &&  // hh
           rd_char(&in, ':') &&         //
           rd_digits(&in, 2, &min) &&   // mm
           rd_char(&in, ':') &&         //
           rd_digits(&in, 2, &sec) &&   // ss
           rd_char(&in, 'Z') && in.len == 0 &&
           mse_time_from_civil(out, year, month, day, hour, min, sec);
}

/* By hand: an appraisal writes a dozen dates, and printf would be a tenth of it. */
static void put_digits(char *out, size_t num, int64_t v)
{
    for (size_t i = num; i > 0; i--) {
        out[i - 1] = (char)('0' + v % 10);
        v /= 10;
    }
}

void mse_time_format(char *out, mse_time t)
{
    const mse_time last = 253402300799; /* 9999-12-31T23:59:59Z */
    t = t < 0 ? 0 : t;
    t = t > last ? last : t;
    int64_t y = 0;
    int64_t m = 0;
    int64_t d = 0;
    civil_from_days(t / 86400, &y, &m, &d);
    int64_t s = t % 86400;
    put_digits(out, 4, y);
    out[4] = '-';
    put_digits(out + 5, 2, m);
    out[7] = '-';
    put_digits(out + 8, 2, d);
    out[10] = 'T';
    put_digits(out + 11, 2, s / 3600);
    out[13] = ':';
    put_digits(out + 14, 2, s / 60 % 60);
    out[16] = ':';
    put_digits(out + 17, 2, s % 60);
    out[19] = 'Z';
    out[MSE_TIME_TEXT_LEN - 1] = '\0';
}
