/* SPDX-License-Identifier: Apache-2.0 */
/* A program that does nothing, linked with libcrypto: see process. */
int main(void)
{
    return 0;
}
