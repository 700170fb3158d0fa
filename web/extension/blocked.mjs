// SPDX-License-Identifier: Apache-2.0
const words = new URL(location.href).searchParams;
document.getElementById("site").textContent = words.get("site") ?? "";
document.getElementById("why").textContent = words.get("why") ?? "";
