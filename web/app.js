import { Tallyman, TallymanError } from "../client.js";

const $ = (id) => document.getElementById(id);
const say = (text) => { $("state").textContent = text; };
const plural = (n, what) => `${n} ${what}${n === 1 ? "" : "s"}`;

$("key").value = sessionStorage.getItem("key") || "";
$("key-row").hidden = !$("key").value;

$("work").addEventListener("submit", async (submitted) => {
  submitted.preventDefault();
  const button = submitted.target.querySelector("button");
  button.disabled = true;
  $("warnings").replaceChildren();
  say("Uploading …");
  sessionStorage.setItem("key", $("key").value);
  const format = $("format").value;
  try {
    const result = await new Tallyman({ key: $("key").value }).run([...$("bills").files], $("orders").files[0] || null, {
      format,
      onProgress: (e) => {
        if (e.type === "progress") say(`Reading: ${plural(e.pages || 0, "page")}, ${plural(e.bills || 0, "bill")} …`);
      },
    });
    save(result.sheet, `BOL_processed.${format}`);
    show(result);
  } catch (error) {
    if (error instanceof TallymanError && error.code === "unauthorized") $("key-row").hidden = false;
    say(error.message);
  } finally {
    button.disabled = false;
  }
});

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

function show({ bills, orders }) {
  let text = `${plural(bills.pages, "page")}, ${plural(bills.bills, "bill")}, ${plural(bills.lines, "line")}; ${bills.reconciled} reconciled`;
  if (orders) text += `; ${orders.matched} matched, ${plural(orders.unmatched_lines, "line")} without order, ${plural(orders.near_misses, "near miss")}`;
  say(`${text}. The sheet was saved.`);
  for (const warning of bills.warnings) {
    const item = document.createElement("li");
    item.textContent = warning;
    $("warnings").append(item);
  }
}
