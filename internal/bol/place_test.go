package bol_test

import (
	"fmt"
	"iter"
	"strings"

	"tallyman/internal/bol"
	"tallyman/internal/page"
)

// valuesOf returns every value of a bill, with a name for people.
func valuesOf(b *bol.Bill) iter.Seq2[string, bol.Value] {
	return func(yield func(string, bol.Value) bool) {
		for name, v := range map[string]bol.Value{
			"number": b.Number, "date": b.Date, "shipper": b.Shipper, "shipper's address": b.ShipperAddress,
			"customer code": b.CustomerCode, "order number": b.OrderNumber, "store": b.Store, "dept": b.Dept,
			"vendor": b.Vendor, "sales person": b.SalesPerson, "shipped via": b.ShippedVia, "reference": b.Reference,
			"terms": b.Terms, "f.o.b.": b.FOB, "internal code": b.InternalCode, "control no": b.ControlNo, "zone": b.Zone,
			"total cartons": b.Printed.Cartons.Value, "total pieces": b.Printed.Pieces.Value,
			"total weight": b.Printed.Weight.Value, "cube": b.Printed.Cube.Value,
		} {
			if !yield(name, v) {
				return
			}
		}
		for name, vs := range map[string][]bol.Value{
			"consignee": b.Consignee, "office": b.OfficeAddress, "warehouse": b.WarehouseAddress,
			"instructions": b.Instructions, "notes": b.Notes,
		} {
			for _, v := range vs {
				if !yield(name, v) {
					return
				}
			}
		}
		for i := range b.Lines {
			l := &b.Lines[i]
			for name, v := range map[string]bol.Value{
				"cartons": l.Cartons.Value, "style": l.Style, "pieces": l.Pieces.Value, "order number": l.OrderNumber,
				"cust. style": l.CustStyle, "description": l.Description, "volume": l.Volume.Value, "weight": l.Weight.Value,
			} {
				if !yield(fmt.Sprintf("%s of line %d", name, i+1), v) {
					return
				}
			}
		}
	}
}

// misplaced tells of values whose box is not on the page, or not around the words
// that the value is made of.
func misplaced(d *bol.Document, pages []page.Page) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, b := range d.Bills {
			for name, v := range valuesOf(b) {
				if (v.Text == "") != (v == bol.Value{}) {
					yield(fmt.Sprintf("%s of bill %s is half empty: %+v", name, b.Number.Text, v))
				}
				if v.Text == "" {
					continue
				}
				p := pages[v.Page-1]
				x := v.Box
				if !(0 <= x.X0 && x.X0 < x.X1 && x.X1 <= p.Width && 0 <= x.Y0 && x.Y0 < x.Y1 && x.Y1 <= p.Height) {
					yield(fmt.Sprintf("%s of bill %s stands at %v, which is not on the page", name, b.Number.Text, x))
				}
				// All of the value's text stands in its box, whatever else may.
				within := ""
				for _, w := range p.Words {
					if mid := (w.Box.Y0 + w.Box.Y1) / 2; mid > x.Y0 && mid < x.Y1 && w.Box.X0 < x.X1 && w.Box.X1 > x.X0 {
						within += w.Text
					}
				}
				for word := range strings.FieldsSeq(v.Text) {
					if !strings.Contains(within, word) {
						yield(fmt.Sprintf("%s of bill %s, %q, is not in its box %v, which holds %q", name, b.Number.Text, v.Text, x, within))
					}
				}
			}
		}
	}
}
