package orders_test

import (
	"context"
	"fmt"
	"strings"

	"tallyman/internal/orders"
)

func ExampleRead() {
	export := "Open orders of today\n\n" +
		"Style;Invoice No.;Cartons*;Pieces*;Ship-to Name\n" +
		"ST-100;G90001;2;48;DOCK STREET STORES\n"
	table, err := orders.Read(context.Background(), strings.NewReader(export), int64(len(export)), "orders.csv", orders.Limits{}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(table.Format)
	for _, r := range table.Rows {
		fmt.Println(r.Number, r.InvoiceNo, r.Style, r.Cartons, r.Pieces, r.ShipTo)
	}
	// Output:
	// CSV, semicolon, UTF-8
	// 4 G90001 ST-100 2 48 DOCK STREET STORES
}
