package sample

// shipper is the sender of every bill.
const (
	shipper        = "QUILLBROOK TEXTILE IMPORTS INC"
	shipperAddress = "4417 OLD ROPEWALK LANE, PORT HALDEN, CA 90099"
	officeAddress  = "88 CANDLEWICK SQUARE, SUITE 12, EAST FENMOOR, NY 10099"
	officePhone    = "Phone: 555-555-0142    Fax: 555-555-0143    Email: Billing@quillbrook.example"
	warehouse      = "NORTH PIER CROSSDOCK CO"
	fob            = "OUR WAREHOUSE - PORT HALDEN, CA 90099"
)

// customer is a consignee.
type customer struct {
	shipTo    string // its name in the order export
	code      string
	consignee []string
}

// The first three are in every sample with three bills: one in Burlington, one whose
// name needs every kind of CSV quoting, and one in Burlington whose name is not in
// capitals.
var customers = []customer{
	{"LAKE BURLINGTON OUTFITTERS", "LBOUT1", []string{"LAKE BURLINGTON", "DISTRIBUTION CENTER 3", "1250 HERON BASIN ROAD", "LAKE BURLINGTON, VT 05499"}},
	{`MARTHA'S "LITTLE LAMB", LTD.`, "M2104", []string{`MARTHA'S "LITTLE LAMB", LTD.`, "17-40 GOOSEBERRY CT", "EAST FENMOOR, NY 10098"}},
	{"Old Burlington Trading Post", "OLDBTP", []string{"OLD BURLINGTON TRADING", "C/O RECEIVING (DOCK 14)", "900 SAWYER'S LANDING", "FORT TILLERY, ND 58099"}},
	{"TUMBLEDOWN DRY GOODS, INC", "T0077", []string{"TUMBLEDOWN DRY GOODS", "2,000 QUARRY PLAZA", "MILLRACE, OH 44099"}},
	{"PETIT ÉCUREUIL BOUTIQUE", "PETECU", []string{"PETIT ÉCUREUIL", "31 RUE DU MOULIN", "SAINT-AUBERON, LA 70599"}},
	{"WILLOWMERE STORES #114", "W114", []string{"WILLOWMERE STORES", "STORE NO. 114 - 2ND FLOOR", "5100 ORCHARD LOOP", "WILLOWMERE, IL 60999"}},
	{"THISTLE & THIMBLE CO", "THIMBL", []string{"THISTLE & THIMBLE CO", "6 LOOM STREET", "COTTERSFIELD, MA 01099"}},
	{"HARROWGATE FAMILY OUTLET", "H5590", []string{"HARROWGATE FAMILY OUTLET", "DEPOT 7", "7 COUNTY ROAD 7", "HARROWGATE, TX 75999"}},
	{"ZEPHYR COVE KIDS", "ZEPHYR", []string{"ZEPHYR COVE KIDS", "410 1/2 BOARDWALK", "ZEPHYR COVE, FL 32999"}},
	{"BRINDLEWOOD MERCANTILE", "BRINDL", []string{"BRINDLEWOOD MERCANTILE", "BLDG 20, BAY 4", "88 DROVER AVENUE", "BRINDLEWOOD, MO 65099"}},
	{"KETTLEBY'S FIVE AND DIME", "K0510", []string{"KETTLEBY'S FIVE AND DIME", "510 KETTLE ROW", "DUNMARSH, PA 18999"}},
	{"DOVETAIL DEPOT 24/7", "DOVE24", []string{"DOVETAIL DEPOT 24/7", "24-70 JOINERS WAY", "ASHFORD MILLS, WA 98999"}},
}

// product is the content of one carton of a style.
type product struct {
	description string
	pieces      int
	volume      int // thousandths of a cubic foot
	weight      int // hundredths of a pound
}

// goods are the ordinary products. A hundred and fifty cartons of any of them fit the
// columns of the table.
var goods = []product{
	{`28x28" 6PC 12 PK`, 12, 2142, 1683},
	{"OS KNIT MITTENS 12 PR", 72, 813, 624},
	{"2-4T RAIN PONCHO ASST", 36, 1722, 1208},
	{"30x40 WOVEN THROW 4CLR", 24, 3173, 2094},
	{"TEA TOWEL 3PK CHECKED", 48, 1017, 1104},
	{"BATH MAT 20x32 CHENILL", 12, 2671, 1875},
	{`16" BEACH BALL 24 CT`, 24, 1264, 931},
	{"QUEEN SHEET SET 400 TC", 6, 2293, 2512},
	{"1.50 OZ CANDLE TIN 12", 144, 955, 2207},
	{"CONFETTI 1,000 PC BAG", 60, 704, 883},
	{"MUG (11 OZ) 6/CS \\ RED", 6, 1188, 1449},
	{"WOOL SOCKS 10-13 6PR", 48, 1341, 1216},
	{"PILLOW FORM 18x18 2PK", 8, 5672, 958},
	{"GARDEN GLOVE 100% COTT", 120, 1453, 1572},
	{"TODDLER ROMPER 0-9M", 24, 1021, 1102},
	{"UMBRELLA 42 IN. - NAVY", 36, 1902, 3349},
}

// foam is so light that a volume of thousands has a weight of hundreds; only so do
// both fit their columns.
var foam = product{"LOOSE FILL FOAM 14 CF", 1, 14000, 195}

// iron is heavy enough for a weight in the thousands.
var iron = product{"CAST IRON HOOK 50 CT", 50, 1250, 4418}

var (
	carriers    = []string{"TRUCK", "COLLECT", "HEADLAND FREIGH", "PREPAID", "MOORLINE LTL"}
	terms       = []string{"NET 45", "2%15 EOM+20", "NET 5 EOM + 40", "EOM 15 + 35DAYS", "3% 30"}
	departments = []string{"3", "12", "0417"}
	stores      = []string{"2", "114", "00009"}
	vendors     = []string{"300034", "71-00452", "88120047"}
	suffixes    = []string{"KT", "QB", "LX", "RO"}
)

var instructions = [][]string{
	{"ROUTE ONLINE", "", "HTTP://ROUTING.EXAMPLE/7/LOAD.HTML"},
	{"CALL 24 HRS BEFORE, DOCK 7, 1,250.00 LB MAX"},
	{"DELIVER 6:00-14:30 ONLY (GATE 2)", "  or email dock@receiving.example attn Robin", "DO NOT DOUBLE STACK: 84 IN. MAX", "48 X 40 PALLETS, 2 LABELS EACH", "TOTAL CARTONS MUST MATCH PO"},
}

var notes = [][]string{
	{"HOLD 3 CTNS STYLE Q00117KT FOR QC"},
	{"2 OF 5 SHIPMENTS ON THIS PO", "BALANCE 1,037.42 CU FT TO FOLLOW"},
}

// cancelDates are few, so that many rows share one, and cross the end of a year,
// where sorting by text would be wrong. YYYYMMDD.
var cancelDates = []int{20251219, 20251230, 20260105, 20260116, 20260202, 20260227}
