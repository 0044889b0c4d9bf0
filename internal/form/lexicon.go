package form

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
)

// The lexicon: what forms print over a column, by what the column holds. Headings are
// compared as tokensOf cuts them: capitals, no points, no accents; signs but # separate.
// The list was made of public forms: VICS bills, straight bills, packing lists, ocean
// bills, consignment notes (CMR) in several languages. counted and qualified add what
// follows from them.
var headings = map[Field]string{
	Packages: `CS|CASE QTY|QTY CASE|PKG CTNS|PKGS CTNS|CARTON COUNT|KIND NO OF PACKAGES|KIND AND NO OF PACKAGES|NUMBER AND KIND OF PACKAGES|NO AND KIND OF PACKAGES|NO KIND OF PACKAGES|KIND AND NUMBER OF PACKAGES|
		ANZAHL DER PACKSTUCKE|PACKSTUCKE|NOMBRE DES COLIS|NOMBRE DE COLIS|NUMERO COLLI|N COLLI|NUMERO DE BULTOS`,
	Pieces:      `UNIT QTY|QTY UNIT|UNIT QUANTITY|QTY IN PCS|QTY EA|QTY SHIPPED|QUANTITY SHIPPED|SHIPPED QTY|SHIP QTY|SHIPPED QUANTITY|TOTAL QTY|TOTAL QUANTITY|TOTAL QTY PCS`,
	Pallets:     `HANDLING|NO OF UNITS|NUMBER OF UNITS`,
	Weight:      `WEIGHT|WT|WGT|GROSS WEIGHT|GROSS WT|GROSS WGT|GR WT|GR WEIGHT|GW|G W|GWT|GROSS|WEIGHT SUBJECT TO CORRECTION|WEIGHT SUBJECT TO CORR|WEIGHT SUB TO COR|WEIGHT LBS|WEIGHT LB|WEIGHT KGS|WEIGHT KG|WT LBS|WT LB|LBS|POUNDS|KGS|GROSS KGS|GROSS KG|GROSS LBS|WT U|SHIPPING WEIGHT|SHIP WEIGHT|SHIP WT|ACTUAL WEIGHT|PESO BRUTO|PESO LORDO|POIDS BRUT|BRUTTO|BRUTTOGEWICHT`,
	NetWeight:   `NET WEIGHT|NET WT|NET WGT|NETT WEIGHT|NETT WT|NT WT|NW|N W|NWT|NET|NETT|NET KGS|NET KG|NET LBS|PESO NETO|PESO NETTO|POIDS NET|NETTO|NETTOGEWICHT`,
	Volume:      `VOLUME|VOL|CUBE|CBM|MEASUREMENT|MEASUREMENTS|MEAS|MEASURE|CUBIC FEET|CU FT|CUFT|CU FEET|M3|CUBIC METERS|CUBIC METRES|CUBAGE|VOLUMEN|CFT|UMFANG`,
	Style:       `STYLE|STYLE NO|STYLE #|STYLE NUMBER|STYLE CODE|ITEM|ITEM NO|ITEM #|ITEM NUMBER|ITEM CODE|ITEM ID|SKU|SKU #|SKU NO|SKU NUMBER|PART NUMBER|PART NO|PART #|PARTNUMBER|PART|PRODUCT CODE|PRODUCT NO|PRODUCT #|PRODUCT ID|PRODUCT|MODEL|MODEL NO|MODEL #|MODEL NUMBER|ARTICLE|ARTICLE NO|ARTICLE #|ARTICLE NUMBER|MATERIAL|MATERIAL NO|MATERIAL NUMBER|STOCK NO|STOCK #|CATALOG NO|CATALOG #|ESTILO|CODICE|CODIGO|ARTIKEL|ARTIKELNUMMER|CODE ARTICLE`,
	PO:          `CUSTOMER ORDER NUMBER|CUSTOMER ORDER NO|CUSTOMER ORDER #|CUSTOMER ORDER|CUST ORDER NO|CUST ORDER #|CUST ORDER NUMBER|PO|PO #|PO NO|PO NUMBER|PO NOS|CUSTOMER PO|CUSTOMER PO #|CUSTOMER PO NO|CUSTOMER PO NUMBER|CUST PO|CUST PO #|CUST PO NO|PURCHASE ORDER|PURCHASE ORDER NO|PURCHASE ORDER #|PURCHASE ORDER NUMBER|P O|P O #|P O NO|P O NUMBER|ORDER NUMBER|ORDER NO|ORDER #|ORDER`,
	Description: `DESCRIPTION|DESCRIPTION OF GOODS|DESCRIPTION OF ARTICLES|DESCRIPTION OF ARTICLES SPECIAL MARKS AND EXCEPTIONS|COMMODITY DESCRIPTION|COMMODITY|PART DESCRIPTION|ITEM DESCRIPTION|PRODUCT DESCRIPTION|GOODS DESCRIPTION|STYLE DESCRIPTION|KIND OF PACKAGING DESCRIPTION OF ARTICLES|KIND OF PACKAGE DESCRIPTION OF ARTICLES|KIND OF PACKAGES DESCRIPTION OF ARTICLES|KIND OF PACKAGING DESCRIPTION OF ARTICLES SPECIAL MARKS AND EXCEPTIONS|KIND OF PACKAGE DESCRIPTION OF ARTICLES SPECIAL MARKS AND EXCEPTIONS|DESCRIPTION OF PACKAGES AND GOODS|DESCRIPTION OF COMMODITY|ARTICLES|GOODS|DESCRIPCION|DESCRIZIONE|DESIGNATION|PRODUCT NAME|ITEM NAME|BEZEICHNUNG|BEZEICHNUNG DES GUTES|NATURE OF THE GOODS|NATURE OF GOODS|NATURE DE LA MARCHANDISE`,
	NMFC:        `NMFC|NMFC #|NMFC NO|NMFC NUMBER|NMFC ITEM|NMFC ITEM #|NMFC ITEM NO|NMFC CODE`,
	Class:       `CLASS|RATE OR CLASS|CLASS OR RATE|FREIGHT CLASS|LTL CLASS|NMFC CLASS|CLASS RATE`,
	PackageType: `PACKAGE TYPE|PKG TYPE|PACKAGING|KIND OF PACKAGES|KIND OF PACKAGE|PACKAGE KIND|METHOD OF PACKING|ART DER VERPACKUNG|MODE D EMBALLAGE`,
	UnitType:    `UNIT TYPE|HANDLING UNIT TYPE`,
	Hazardous:   `HM|H M|HM X|HAZMAT|HAZ|HAZ MAT|HAZARDOUS`,
	PackSize:    `PACK QTY|PACK SIZE|PACK|PACKING|PCS CTN|PCS CARTON|UNITS CARTON|UNITS CTN|QTY CARTON PER|CASE PACK|INNER PACK|PER CARTON|PER CTN|PCS PKG`,
	quantity:    `QTY|QUANTITY|COUNT|CANTIDAD|QUANTITA|QUANTITE|MENGE|ANZAHL|NUMBER|# OF`,
	inAll:       `TOTAL|TTL|TOTALS`,
	kind:        `TYPE`,
	uncounted:   `AMOUNT|VALUE|CHARGES|CHARGE|ORDERED|ORDER QTY|BACK ORDERED|BACKORDER|B O`,
	Other: `PALLET SLIP|PALLET SLIP CIRCLE ONE|PALLET SLIP Y OR N|ADDITIONAL SHIPPER INFO|ADDITIONAL SHIPPER INFORMATION|ADDITIONAL INFO|ADDITIONAL INFORMATION|BATCH|BATCH NO|LOT|LOT NO|LOT #|EXPIRED DATE|EXPIRY DATE|EXP DATE|DATE|SHIP DATE|HS CODE|HTS CODE|HTS|HS|BARCODE|CARTON BARCODE|UPC|EAN|GTIN|
		DIMENSION EACH CARTON|DIMENSIONS|DIMENSION|DIMS|SIZE|COLOR|COLOUR|NO|LINE|LINE NO|LINE #|SEQ|S N|SR NO|STATUS|PROCESS SPECIFICATION|REMARKS|REMARK|RATE|UNIT PRICE|PRICE|SO #|SO NO|SO DATE|MARKS AND NUMBERS|MARKS AND NUMBER|MARKS AND NOS|MARKS NUMBERS|MARKS NOS|SHIPPING MARKS|KENNZEICHEN|STATISTICAL NO|STATISTICAL NUMBER|STATISTIKNUMMER|CONTAINER NO|CONTAINER NO S|CONTAINER NUMBER|SEAL NO|STORE|STORE #|STORE NO|DEPT|DEPARTMENT|DC|ORIGIN|COUNTRY OF ORIGIN|UOM|UM|U M|TEMP|SERIAL NO|SERIAL #|SERIAL NUMBER|
		CUST STYLE|CUSTOMER STYLE|CUST ITEM|CUSTOMER ITEM|CUSTOMER PART NO|CUSTOMER SKU|VENDOR STYLE|C NO|CARTON NO|CARTON NOS|CARTON #|CTN NO|CTN #|CTN NOS|CARTON NUMBER|CARTON NUMBERS|CASE NO|CASE #|PALLET NO|PALLET #|PALLET ID|PKG NO|PACKAGE NO|UNIT WEIGHT|UNIT WT|UNIT CUBE|UNIT VOLUME`,
}

// counted are the things that forms count, by field. A heading names one in one of ways.
var (
	counted = map[Field]string{
		Packages: `PACKAGES|PACKAGE|PKGS|PKG|CARTONS|CARTON|CTNS|CTN|CASES|BOXES|CONTAINERS|COLLI|COLIS|BULTOS|CAJAS|KARTONS|KARTON`,
		Pieces:   `PIECES|PIECE|PCS|PC|UNITS|EACHES|EACH|PIEZAS|STUCK`,
		Pallets:  `PALLETS|PALLET|PLTS|PLT|SKIDS|SKID|HANDLING UNITS|HANDLING UNIT|SHIPPING UNITS|HU|H U`,
	}
	ways = strings.Split("@|NO OF @|NO @|NUMBER OF @|# OF @|# @|@ QTY|QTY @|QUANTITY @|@ QUANTITY|@ COUNT|@ SHIPPED|SHIPPED @", "|")
)

// qualified are what follows from the headings of a field, each rule from those before it:
// with its unit, or as a total, it is the same; what was ordered, or is in one package, is
// not what was shipped.
var qualified = []struct {
	of   []Field
	text string
	is   Field // "" for the same
	flat bool  // the words stand beside each other
}{
	{[]Field{Weight, NetWeight}, "@ LBS|@ LB|@ KGS|@ KG", "", true},
	{[]Field{Weight, NetWeight}, "@ IN LBS|@ IN LB|@ IN KGS|@ IN KG", "", false},
	{[]Field{Volume}, "@ CBM|@ M3|@ CU FT|@ CUFT|@ IN CBM|@ IN M3|@ IN CU FT", "", false},
	{Figures[:], "TOTAL @|TTL @", "", false},
	{[]Field{Packages, Pieces, quantity}, "@ ORDERED|@ ORD|ORDERED @|@ B O|@ BO|@ BACK ORDERED|@ BACKORDERED", uncounted, false},
	{[]Field{Pieces, quantity}, "@ PER CARTON|@ PER CTN|@ PER CASE|@ PER PKG|@ PER PACKAGE", PackSize, false},
	{[]Field{Weight, NetWeight, Volume}, "@ PER CARTON|@ PER CTN|@ PER CASE|@ PER PKG|@ PER PACKAGE|@ PER UNIT|@ PER PC|@ EACH|@ CTN", Other, true},
}

// Both fields of one heading, which stands over two columns of figures.
var compound = map[string][2]Field{
	"VOL WEIGHT": {Volume, Weight}, "VOLUME WEIGHT": {Volume, Weight}, "VOL WGT": {Volume, Weight}, "VOL WT": {Volume, Weight},
	"WEIGHT VOLUME": {Weight, Volume}, "WEIGHT CUBE": {Weight, Volume}, "CUBE WEIGHT": {Volume, Weight},
	"CARTONS PIECES": {Packages, Pieces}, "CTNS PCS": {Packages, Pieces},
}

// entry is a heading of the lexicon.
type entry struct {
	tokens []string
	field  Field
	second Field // of a compound heading
	flat   bool  // its words stand beside each other
	shown  bool  // somebody named it for one document
}

// node is a place in the lexicon after some tokens: the heading that they make, if any, and
// the tokens that may follow. Most have few or none, so they are in a sorted list.
type node struct {
	token string // the last one
	entry *entry
	next  []*node
}

// at returns where a token leads, and whether it is there.
func (n *node) at(token string) (i int, there bool) {
	return slices.BinarySearchFunc(n.next, token, func(n *node, t string) int { return strings.Compare(n.token, t) })
}

// after returns the node after one more token, nil if there is none.
func (n *node) after(token string) *node {
	if i, there := n.at(token); there {
		return n.next[i]
	}
	return nil
}

// add adds a heading, unless there is one of its tokens.
func (n *node) add(e entry) {
	for _, t := range e.tokens {
		i, there := n.at(t)
		if !there {
			n.next = slices.Insert(n.next, i, &node{token: t})
		}
		n = n.next[i]
	}
	if n.entry == nil {
		n.entry = &e
	}
}

// lexicon returns the root. Where two rules make one heading, the list above comes first. It
// is made when a page is first read freely: that takes longer than a program's start.
var lexicon = sync.OnceValue(func() *node {
	root := &node{}
	once := map[string]string{} // one copy of each token
	add := func(text string, f, second Field, flat bool) {
		tokens := strings.Fields(text)
		for i, t := range tokens {
			if once[t] == "" {
				once[t] = strings.Clone(t)
			}
			tokens[i] = once[t]
		}
		root.add(entry{tokens: tokens, field: f, second: second, flat: flat})
	}
	plain := map[Field][]string{}
	fields := slices.Sorted(maps.Keys(headings))
	for _, f := range fields {
		for text := range strings.SplitSeq(headings[f], "|") {
			plain[f] = append(plain[f], strings.Join(strings.Fields(text), " "))
			add(plain[f][len(plain[f])-1], f, "", false)
		}
	}
	for text, fields := range compound {
		add(text, fields[0], fields[1], false)
	}
	for _, f := range fields {
		for thing := range strings.SplitSeq(counted[f], "|") {
			for _, way := range ways {
				if thing != "" {
					text := strings.Replace(way, "@", thing, 1)
					plain[f] = append(plain[f], text)
					add(text, f, "", false)
				}
			}
		}
	}
	for _, q := range qualified {
		for _, f := range q.of {
			for _, text := range plain[f] {
				for way := range strings.SplitSeq(q.text, "|") {
					text := strings.Replace(way, "@", text, 1)
					if add(text, cmp.Or(q.is, f), "", q.flat); q.is == "" {
						plain[f] = append(plain[f], text)
					}
				}
			}
		}
	}
	return root
})

// totalWords begin the label of a total.
var (
	totalWords = map[string]bool{"TOTAL": true, "TOTALS": true, "SUBTOTAL": true, "SUBTOTALS": true, "GRAND": true, "TTL": true, "GESAMT": true, "SUMME": true, "TOTALE": true, "TOTALES": true}
	subWords   = map[string]bool{"SUB": true, "PAGE": true, "GRAND": true}
	// labelFields are the names of fields in labels of totals, such as "TOTAL CARTONS".
	labelFields = map[string][]Field{
		"CARTONS": {Packages}, "CARTON": {Packages}, "CTNS": {Packages}, "CTN": {Packages}, "PACKAGES": {Packages}, "PKGS": {Packages}, "PKG": {Packages}, "CASES": {Packages}, "BOXES": {Packages},
		"PIECES": {Pieces}, "PCS": {Pieces}, "UNITS": {Pieces, Packages, Pallets}, "QTY": {Pieces, Packages, Pallets}, "QUANTITY": {Pieces, Packages, Pallets}, "COUNT": {Pieces, Packages, Pallets},
		"BULTOS": {Packages, Pallets}, "COLLI": {Packages, Pallets}, "HANDLING": {Pallets}, "PALLETS": {Pallets}, "PALLET": {Pallets}, "PLTS": {Pallets}, "SKIDS": {Pallets},
		"WEIGHT": {Weight, NetWeight}, "WT": {Weight, NetWeight}, "WGT": {Weight, NetWeight}, "LBS": {Weight, NetWeight}, "KGS": {Weight, NetWeight}, "KG": {Weight, NetWeight},
		"GROSS": {Weight}, "GW": {Weight}, "NET": {NetWeight}, "NETT": {NetWeight}, "NW": {NetWeight},
		"VOLUME": {Volume}, "VOL": {Volume}, "CUBE": {Volume}, "CBM": {Volume}, "MEASUREMENT": {Volume}, "CUFT": {Volume},
	}
	// labelNoise may stand in such a label.
	labelNoise = map[string]bool{"OF": true, "NO": true, "NUMBER": true, "#": true, "THE": true, "SHIPPED": true, "ALL": true, "IN": true, "THIS": true, "PAGE": true, "SHIPMENT": true, "LB": true, "M3": true, "GRAND": true, "SUB": true}
)

// margins begin the texts at the edges of a page that number it or say that it goes on.
var margins = map[string]bool{"PAGE": true, "PAG": true, "PAGINA": true, "SEITE": true, "CONTINUED": true, "CONTD": true, "CONT": true}

// stops are texts that stand below a table and end it.
var stops = []string{
	"SHIPPER SIGNATURE", "CARRIER SIGNATURE", "SIGNATURE", "NOTE LIABILITY", "NOTE", "RECEIVED SUBJECT", "WHERE THE RATE", "SPECIAL INSTRUCTIONS", "SHIPPING INSTRUCTIONS",
	"CARRIER INFORMATION", "CUSTOMER ORDER INFORMATION", "ORDER INFORMATION", "REMIT COD", "REMIT C O D", "COD AMOUNT", "COD AMT", "COMMENTS", "THIS IS TO CERTIFY", "TRAILER LOADED", "FREIGHT COUNTED",
	"TERMS AND CONDITIONS", "DECLARED VALUE", "RECEIVED BY", "AUTHORIZED SIGNATURE", "AUTHORISED SIGNATORY", "ADDITIONAL INFO", "PARTICULARS ABOVE", "FREIGHT CHARGE TERMS", "MANUFACTURERS NAME", "PERMANENT POST OFFICE", "IF THE SHIPMENT MOVES",
	"SHIPPER CERTIFICATION", "DATE SHIPPED", "PREPARED BY", "CHECKED BY", "WE HEREBY CERTIFY", "SIGNED BY", "CARRIERS AUTHORIZED SIGNATURE", "IN WORDS",
}
