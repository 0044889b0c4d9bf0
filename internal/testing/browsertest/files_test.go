package browsertest

import (
	"slices"
	"testing"

	"tallyman/internal/sample"
	"tallyman/internal/testing/shipments"
)

func TestSingleFilesAreAddedAndTakenAway(t *testing.T) {
	p, w := opened(t)
	all := shipments.Sample(t, sample.Options{Bills: 5, Lines: 10, Seed: 7})
	part := func(prefix string, bills []*sample.Bill) shipment {
		some := *all
		some.Bills, some.Orders = bills, nil
		for _, o := range all.Orders {
			if slices.ContainsFunc(bills, func(b *sample.Bill) bool { return b.Number == o.InvoiceNo }) {
				some.Orders = append(some.Orders, o)
			}
		}
		return shipment{&some, p.file(prefix+"bol.pdf", some.WritePDF), p.file(prefix+"orders.csv", some.WriteOrders)}
	}
	one, two := part("one-", all.Bills[:2]), part("two-", all.Bills[2:])
	lines := 0
	for _, b := range all.Bills[2:] {
		lines += len(b.Lines)
	}
	w.upload(one.bills, two.bills)
	w.says("#step-bills", "1: one-bol.pdf", "2: two-bol.pdf", "bills 5", "pages")

	// Both exports at once, each a file of its own.
	w.must(w.Files("#orders-files", one.orders, two.orders))
	w.until("document.querySelectorAll('#step-orders .body .files li').length === 2 && !document.querySelector('#step-orders.busy')")
	w.says("#step-orders", "1: one-orders.csv", "2: two-orders.csv", "matched 10")

	// One file is taken away; everything else stays.
	w.run("if (document.querySelector('#step-bills.folded')) document.querySelector('#step-bills .fold').click()")
	w.click("#step-bills .files li:nth-child(1) button")
	w.says("#ask", "Remove one-bol.pdf?")
	w.click("#ask button[value=yes]")
	w.until("document.querySelectorAll('#step-bills .body .files li').length === 1")
	w.says("#step-bills", "two-bol.pdf", "bills 3")
	w.says("#step-orders", "one-orders.csv", "matched "+jsInt(lines))
	w.run("if (document.querySelector('#step-orders.folded')) document.querySelector('#step-orders .fold').click()")
	w.click("#step-orders .files li:nth-child(1) button", "#ask button[value=yes]")
	w.until("document.querySelectorAll('#step-orders .body .files li').length === 1")
	w.says("#step-orders", "two-orders.csv", "matched "+jsInt(lines))

	// It comes back beside the others.
	w.must(w.Files("#bills-files", one.bills))
	w.click("#ask button[value=add]")
	w.until("document.querySelectorAll('#step-bills .body .files li').length === 2")
	w.must(w.Files("#orders-files", one.orders))
	w.until("document.getElementById('ask').open")
	w.says("#ask", "There is an order export already")
	w.click("#ask button[value=add]")
	w.until("document.querySelectorAll('#step-orders .body .files li').length === 2")
	w.says("#step-orders", "matched 10")
}
