package bol

import (
	"testing"

	"tallyman/internal/form"
)

func TestAPartyIsItsNameAndItsAddress(t *testing.T) {
	var b form.Bill
	for _, role := range []string{"ship_from", "ship_to"} {
		p := form.Party{Role: role}
		for _, line := range []string{"NORTHWIND INC", "TEL: (435) 555-0190", "12 Dock St", "Attn.: Mr. Fax", "Tooele, UT 84074", "CID#:", "Location #: 7"} {
			p.Lines = append(p.Lines, form.Cell{Text: line, Page: 1})
		}
		b.Parties = append(b.Parties, p)
	}
	got := freeBill(&b)
	if len(got.Consignee) != 3 || got.Consignee[2].Text != "Tooele, UT 84074" {
		t.Errorf("the consignee is %v", got.Consignee)
	}
	if got.Shipper.Text != "NORTHWIND INC" || got.ShipperAddress.Text != "12 Dock St, Tooele, UT 84074" {
		t.Errorf("the shipper is %q at %q", got.Shipper.Text, got.ShipperAddress.Text)
	}
}
