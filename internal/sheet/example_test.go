package sheet_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	"tallyman/internal/bol"
	"tallyman/internal/orders"
	"tallyman/internal/sample"
	"tallyman/internal/sheet"
)

// inputs returns the bills of a sample and an order export in which one row has other
// quantities than its line.
func inputs() (*bol.Document, *orders.Table, error) {
	s, err := sample.New(sample.Options{Bills: 2, Lines: 3, Seed: 2, NearMisses: 1})
	if err != nil {
		return nil, nil, err
	}
	pages, err := s.WordPages()
	r := bol.NewReader()
	for _, p := range pages {
		err = errors.Join(err, r.Add(0, p))
	}
	if err != nil {
		return nil, nil, err
	}
	doc, err := r.Document([]bol.File{{Name: "bol.pdf", Pages: len(pages)}})
	if err != nil {
		return nil, nil, err
	}
	var export bytes.Buffer
	if err := s.WriteOrders(&export); err != nil {
		return nil, nil, err
	}
	content := bytes.NewReader(export.Bytes())
	table, err := orders.Read(context.Background(), content, content.Size(), "orders.csv", orders.Limits{}, nil)
	return doc, table, err
}

// A sheet is made of bills and an order export. It has the rows, and the findings that
// somebody should check.
func ExampleMake() {
	doc, table, err := inputs()
	if err != nil {
		fmt.Println(err)
		return
	}
	s := sheet.Make(doc, table)
	fmt.Println(len(s.Rows), "rows,", s.Match.Matched, "matched")
	for _, f := range s.ToCheck() {
		fmt.Println(f)
	}
	// Output:
	// 3 rows, 2 matched
	// Near miss: bill T20417, page 2, order row 3: style Q00014KT: the bill has 1 carton, 72 pieces, the order 1 carton, 1,000,073 pieces. Compare both: correct the one that is wrong, or accept the pair; until then nothing of the order is filled in.
}

// A sheet can be written as CSV, XLSX or JSON.
func ExampleWrite() {
	doc, table, err := inputs()
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := sheet.Write(os.Stdout, sheet.Make(doc, table), sheet.CSV); err != nil {
		fmt.Println(err)
	}
	// Output:
	// RTS ID,RTS Status,Load #,Wave #,Routed Date,Ready Date,Date of Pickup,Time of Pickup,Outbound BOL,Order Date,Customer,Ship To Name,Purchase Order No.,Cartons,Start Date,Cancel Date,BOL Cube,Final Cube,Burlington Cube,Pallet,Individual Pieces,Total Pieces,Individual Weight,Total Weight,Invoice No.,Style,Release,Assigned Trucking Co.
	// ,,,,,,,,,12102025,,Old Burlington Trading Post,521740ZR/2,2,12162025,01162026,2.85,,93,1,48,120,22.0,28.2,T20417,Q00014KT,,
	// ,,,,,,,,,,,,,1,,,2.85,,,,72,,6.2,,T20417,Q00014KT,,
	// ,,,,,,,,,12092025,,LAKE BURLINGTON OUTFITTERS,00551222,54,12082025,,67.50,,93,1,2700,2700,2385.7,2385.7,T20418,Q00007KT,,
}
