package sample

// The layout, measured on real bills. Coordinates are in points from the lower left
// corner of a US letter page, as in PDF: for a text its left end and baseline, for a
// rectangle its lower left corner.

const (
	pageWidth  = 612
	pageHeight = 792

	// Real bills use a fixed-width font whose characters advance by 0.549 of its
	// size. Courier's advance by 0.6; drawn at 91.5 percent of its width it needs the
	// same room, so that 22 characters of description end just before the volume, and
	// every right-aligned number ends where it should.
	fixedScale   = 91.5
	fixedAdvance = 0.549

	firstRow = 436.415
	rowPitch = 11.756
)

// place is where a text begins.
type place struct{ x, y float64 }

// The places of the values.
var (
	atNumber         = place{523.2, 735.815}
	atDate           = place{522.6, 716.015}
	atPage           = place{497.4, 696.215}
	atShipper        = place{55.8, 742.968}
	atShipperAddress = place{55.8, 729.215}
	atConsignee      = place{63, 587.015} // the last line; the others above it
	atCustomerCode   = place{243, 587.015}
	atOffice         = place{319.8, 590.634}
	atPhone          = place{319.8, 581.034}
	atWarehouse      = place{319.8, 555.815}
	atWarehouse2     = place{319.8, 546.215}
	atOrderNumber    = place{16.2, 510.815}
	atStore          = place{125.4, 510.815}
	atDept           = place{169.2, 510.215}
	atVendor         = place{205.2, 510.815}
	atSalesPerson    = place{295.2, 510.815}
	atShippedVia     = place{321, 510.815}
	atReference      = place{529.8, 510.215}
	atTerms          = place{16.2, 473.015}
	atFOB            = place{133.8, 471.815}
	atInternalCode   = place{401.4, 471.815}
	atControlNo      = place{495.6, 471.815}
	atZone           = place{544.8, 472.415}
	atInstructions   = place{312.6, 143.958} // downward by rowPitch
	atNotes          = place{19.2, 152.358}  // downward by consigneePitch
	atBarcode        = place{313.2, 53.2}

	atTotalCartons = place{14.4, 178.415}
	atTotalPieces  = place{165, 178.415}
	atTotalWeight  = place{531.6, 178.415}
	atCube         = place{509.4, 160.415}
)

const consigneePitch = 12

// columnX is where a column's cells begin.
var columnX = [...]float64{
	Cartons: 14.4, Style: 55.2, Pieces: 165, OrderNumber: 204.6,
	CustStyle: 316.2, Description: 399.6, Volume: 511.2, Weight: 542.4,
}

// printOrder is the order of a row's cells in the file.
var printOrder = [...]Column{Cartons, Style, Pieces, OrderNumber, CustStyle, Weight, Volume, Description}

// numberWidth is the number of characters of a right-aligned cell, 0 for the others.
var numberWidth = [...]int{Cartons: 7, Pieces: 7, Weight: 7}

const totalWeightWidth = 9

// label is a fixed text in Helvetica bold, on gray or on white.
type label struct {
	place
	size float64
	gray bool
	text string
}

var labels = []label{
	{place{463.2, 737.034}, 6, true, "BILL OF LADING"},
	{place{477, 716.634}, 6, true, "DATE"},
	{place{227.4, 690.281}, 20, false, "BILL OF LADING"},
	{place{42, 529.434}, 6, true, "ORDER NUMBER"},
	{place{133.2, 529.434}, 6, true, "STORE"},
	{place{175.2, 529.434}, 6, true, "DEPT."},
	{place{231, 529.434}, 6, true, "VENDOR"},
	{place{291, 534.234}, 6, true, "SALES"},
	{place{289.2, 528.234}, 6, true, "PERSON"},
	{place{399.6, 529.434}, 6, true, "SHIPPED VIA"},
	{place{529.2, 529.434}, 6, true, "REFERENCE"},
	{place{55.8, 491.634}, 6, true, "TERMS"},
	{place{239.4, 491.634}, 6, true, "F.O.B."},
	{place{407.4, 491.634}, 6, true, "INTERNAL CODE"},
	{place{551.4, 491.634}, 6, true, "ZONE"},
	{place{15.6, 452.634}, 6, true, "CARTONS"},
	{place{63, 452.634}, 6, true, "STYLE"},
	{place{229.2, 452.634}, 6, true, "ORDER NUMBER"},
	{place{169.2, 452.634}, 6, true, "PIECES"},
	{place{429, 452.634}, 6, true, "DESCRIPTION"},
	{place{528, 453.234}, 6, true, "VOL./WEIGHT"},
	{place{10, -7084.685}, 6, true, " "},
	{place{334.2, 452.634}, 6, true, "CUST. STYLE"},
	{place{25.2, 566.034}, 6, false, "UNIFORM STRAIGHT BILL OF LADING             ORIGINAL NON-NEGOTIABLE"},
	{place{25.2, 557.034}, 6, false, "RECEIVED, subject to the classification and tariffs in effect on the date of the issue of"},
	{place{25.2, 548.034}, 6, false, "this Bill of Lading"},
	{place{319.8, 655.434}, 6, false, "Subject to Section 7 of conditions of applicable bill of lading.  If this shipment is to be"},
	{place{319.8, 646.434}, 6, false, "delivered to the consignee without recourse on the consignor,  the consignor shall sign"},
	{place{10, -7084.685}, 6, false, " "},
	{place{319.8, 637.434}, 6, false, "the following statement.  The carrier shall not make delivery of this shipment without"},
	{place{319.8, 628.434}, 6, false, "payment of freight and all other lawful charges."},
	{place{319.8, 600.234}, 6, false, "Permanent Post Office Address of Shipper"},
	{place{63, 666.834}, 6, false, blankLine},
	{place{318, 565.401}, 9, false, "WAREHOUSE ADDRESS:"},
	{place{312, 157.434}, 6, false, "SHIPPING INSTRUCTIONS:"},
	{place{318, 607.401}, 9, false, "OFFICE ADDRESS"},
	{place{66, 673.401}, 9, false, "CONSIGNED TO:"},
	{place{16.2, 743.568}, 12, false, "From:"},
	{place{16.8, 727.968}, 12, false, "At:"},
	{place{325.8, 25.401}, 9, false, "Received _____________________     Date _____________________"},
	{place{58.2, 178.434}, 6, false, "TOTAL CARTONS"},
	{place{210, 178.434}, 6, false, "TOTAL PIECES"},
	{place{453, 178.434}, 6, false, "TOTAL VOL / WGT"},
	{place{15, 127.434}, 6, false, "NOTES:"},
	{place{492, 491.634}, 6, true, "CONTROL NO."},
	{atShipper, 12, false, shipper + "            "},
	{atOffice, 6, false, officeAddress + "     "},
	{atPhone, 6, false, officePhone},
}

// blankLine is an invisible text on real bills: a line feed and blanks, on a white
// background that interrupts the frame around the consignee.
const blankLine = "\n                                          "

// box is a rectangle with a black rule around it, gray or empty.
type box struct {
	x, y, w, h float64
	gray       bool
}

var boxes = []box{
	{54, 582, 222, 87, false},
	{459, 728.4, 60, 20.4, true}, {518.4, 728.4, 60, 20.4, false},
	{459, 708.6, 60, 20.4, true}, {518.4, 708.6, 60, 20.4, false},

	{12, 523.799, 111.6, 15.599, true}, {123, 523.799, 45, 15.599, true}, {167.4, 523.799, 36, 15.599, true},
	{202.8, 523.799, 85.8, 15.599, true}, {288, 523.799, 30, 15.599, true}, {317.4, 523.799, 202.2, 15.599, true},
	{519, 523.799, 60, 15.599, true},
	{12, 500.4, 111.6, 24, false}, {123, 500.4, 45, 24, false}, {167.4, 500.4, 36, 24, false},
	{202.8, 500.4, 85.8, 24, false}, {288, 500.4, 30, 24, false}, {317.4, 500.4, 202.2, 24, false},
	{519, 500.4, 60, 24, false},

	{12, 485.4, 118.8, 15.6, true}, {130.199, 485.4, 249, 15.6, true}, {378.6, 485.4, 108, 15.6, true},
	{486, 485.4, 54.6, 15.6, true}, {540, 485.4, 39, 15.6, true},
	{12, 462, 118.8, 24, false}, {130.199, 462, 249, 24, false}, {378.6, 462, 108, 24, false},
	{486, 462, 54.6, 24, false}, {540, 462, 39, 24, false},

	{12, 447, 40.2, 15.6, true}, {51.6, 447, 111.6, 15.6, true}, {162.6, 447, 40.2, 15.6, true},
	{202.2, 447, 111.6, 15.6, true}, {313.2, 447, 84, 15.6, true}, {396.6, 447, 124.199, 15.6, true},
	{507.6, 447, 71.399, 15.6, true},
	{12, 192.6, 40.2, 255, false}, {51.6, 192.6, 111.6, 255, false}, {162.6, 192.6, 40.2, 255, false},
	{202.2, 192.6, 111.6, 255, false}, {313.2, 192.6, 84, 255, false}, {396.6, 192.6, 140.399, 255, false},
	{507.6, 192.6, 71.399, 255, false},

	{12, 169.2, 40.2, 24, false}, {162.6, 169.2, 40.2, 24, false}, {507.6, 169.2, 71.399, 24, false},
}

// Real bills carry texts far outside the page, which readers must not count: those of
// other forms of the same program, with other totals among them.
var (
	offLeft  = place{-51, -7028.304}
	offRight = place{7813.32, -7028.304}
	offLow   = place{-51, -7047.32}
)

var logo = struct{ x, y, w, h float64 }{9.72, 746.28, 64, 36}
