package browsertest

import (
	"bytes"
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"tallyman/internal/intake"
	"tallyman/internal/profile"
	"tallyman/internal/sheet"
	"tallyman/internal/testing/must"
)

// theirs is the order export of a shipment as another house writes it: other names of
// columns, days before months.
func (p *place) theirs(s shipment) string {
	p.t.Helper()
	b := must.Read(p.t, s.orders)
	head, rows, _ := strings.Cut(string(b), "\n")
	head = strings.NewReplacer("Invoice No.", "Num", "Order No.", "P. O. #", "Cartons*", "Qty", "Pieces*", "In them", "Ship-to Name", "Ship To",
		"Delivery Date", "From", "Cancel Date", "Until").Replace(head)
	rows = regexp.MustCompile(`\b(\d\d)(\d\d)(20\d\d)\b`).ReplaceAllString(rows, "$2/$1/$3")
	return p.words("theirs.csv", head+"\n"+rows)
}

const mapping = "!document.getElementById('mapping').hidden && document.querySelector('.map select')"

// column returns a selector of the row of a column in the table of columns.
func (w *window) column(header string) string {
	w.t.Helper()
	n := value[int](w, fmt.Sprintf("[...document.querySelectorAll('.map tbody th')].findIndex((e) => e.textContent.startsWith(%q)) + 1", header))
	if n == 0 {
		w.t.Fatalf("no column is called %s", header)
	}
	return fmt.Sprintf(".map tbody tr:nth-child(%d)", n)
}

func TestColumnsAreMappedOnceInThePageAndRememberedEverywhere(t *testing.T) {
	p, w := opened(t)
	ship := p.shipment(small, "")
	theirs := p.theirs(ship)
	w.upload(ship.bills)
	w.must(w.Files("#orders-files", theirs))
	w.until(mapping)
	w.at("#mapping-title")
	// The likeliest meaning is chosen, and what is unclear is marked.
	for header, want := range map[string]string{
		"Num": "bill_number", "P. O. #": "order_number", "Style": "style", "Qty": "pieces", "In them": "", "Ship To": "ship_to", "Invoice Date": "invoice_date",
	} {
		row := w.column(header)
		if got := value[string](w, fmt.Sprintf("document.querySelector('%s select').value", row)); got != want {
			t.Errorf("the column %s is chosen as %q, want %q", header, got, want)
		}
		if unclear := value[bool](w, fmt.Sprintf("document.querySelector('%s').classList.contains('unclear')", row)); unclear != (want == "") {
			t.Errorf("the column %s is marked as unclear: %v", header, unclear)
		}
	}
	if n := value[int](w, fmt.Sprintf("document.querySelectorAll('%s .samples span').length", w.column("Num"))); n != 3 {
		t.Errorf("%d samples of the column Num", n)
	}
	w.says("#mapping", "Still needed: cartons.")
	// All of it by keyboard: what is missing is said and focused.
	w.enter("#mapping .primary")
	w.until("document.activeElement.tagName === 'SELECT'")
	w.run(fmt.Sprintf("document.querySelector('%s select').focus()", w.column("Qty")))
	w.pickKey("cartons")
	w.run(fmt.Sprintf("document.querySelector('%s select').focus()", w.column("In them")))
	w.pickKey("cartons")
	w.says("#mapping .state", "Two columns cannot both be the cartons.", "Still needed: pieces.")
	w.press(kb.ArrowDown)
	w.says("#mapping .state", "Every needed column is there.")
	for header, key := range map[string]string{"From": "delivery_date", "Until": "cancel_date"} {
		w.run(fmt.Sprintf("document.querySelector('%s select').focus()", w.column(header)))
		w.pickKey(key)
	}
	w.enter("#mapping .primary")
	w.until(joined)
	w.until("document.getElementById('mapping').hidden")
	w.says("#step-orders", "theirs.csv", "matched 30")

	down := w.downloads()
	w.click("#step-sheet button[aria-label='Download CSV']")
	want := saved(t, filepath.Join(down, "load-sheet*.csv"))

	// The next upload, in the same session and in a fresh one.
	version := func() string { return value[string](w, "fetch('view').then((r) => r.json()).then((v) => v.version)") }
	before := version()
	w.must(w.Files("#orders-files", theirs))
	w.click("#ask button[value=replace]")
	if !comes(func() bool { return version() != before }) {
		t.Fatal("the orders are not replaced")
	}
	w.until("document.querySelector('#step-orders.has:not(.busy)') && document.getElementById('mapping').hidden")
	w.click("#start-over", "#ask button[value=yes]")
	w.until(fresh)
	w.upload(ship.bills)
	w.join(theirs)

	// The API.
	p.answer(http.Post(p.URL+"/upload?_sid=robot", "application/pdf", bytes.NewReader(must.Read(t, ship.bills))))
	p.answer(http.Post(p.URL+"/upload-csv?_sid=robot", "text/csv", bytes.NewReader(must.Read(t, theirs))))
	if got := p.answer(http.Get(p.URL + "/download-bol?_sid=robot")); !bytes.Equal(got, want) {
		t.Errorf("the sheet of the API is\n%.300s\nwant\n%.300s", got, want)
	}

	// The profile as the page downloads it, as the command line uses one.
	w.click("#profile")
	w.until("document.getElementById('profile-dialog').open")
	w.run("[...document.querySelectorAll('#profile-tools button')].find((b) => b.textContent === 'Download').click()")
	own, err := profile.Parse(saved(t, filepath.Join(down, "profile.toml")))
	must.OK(t, err)
	open := func(name string) intake.File {
		b := must.Read(t, name)
		return intake.File{Name: name, ReaderAt: bytes.NewReader(b), Size: int64(len(b))}
	}
	doc, err := reader.Bills(t.Context(), []intake.File{open(ship.bills)}, nil)
	must.OK(t, err)
	table, err := reader.Orders(t.Context(), open(theirs), own.Dialect())
	must.OK(t, err)
	var csv bytes.Buffer
	if err := sheet.WriteCSV(&csv, own.Rules().Make(doc, table)); err != nil || !bytes.Equal(csv.Bytes(), want) {
		t.Errorf("by the downloaded profile the sheet is\n%.300s (%v)", csv.Bytes(), err)
	}
	// The sheet is that of the same orders under the names that the product knows.
	var expected bytes.Buffer
	if err := ship.WriteExpected(&expected); err != nil || !bytes.Equal(expected.Bytes(), want) {
		t.Errorf("the sheet is\n%.600s\nwant\n%.600s", want, expected.Bytes())
	}
}

func TestColumnsForOnceAreNotRemembered(t *testing.T) {
	p, w := opened(t)
	ship := p.shipment(small, "")
	b := must.Read(t, ship.orders)
	other := p.words("other.csv", strings.Replace(string(b), "Cartons*", "Colli", 1))
	w.upload(ship.bills)
	w.must(w.Files("#orders-files", other))
	w.until(mapping)
	w.run(fmt.Sprintf("((s) => { s.value = 'cartons'; s.dispatchEvent(new Event('change')); })(document.querySelector('%s select'))", w.column("Colli")))
	w.run("[...document.querySelectorAll('#mapping button')].find((b) => b.textContent === 'Use once').click()")
	w.until(joined)
	w.must(w.Files("#orders-files", other))
	w.click("#ask button[value=replace]")
	w.until(mapping)
	w.run("[...document.querySelectorAll('#mapping button')].find((b) => b.textContent === 'Cancel').click()")
	w.until("document.getElementById('mapping').hidden")
	w.says("#step-orders", "matched 30") // what was there is there
}

func TestTheProfileIsEditedInThePage(t *testing.T) {
	p, w := opened(t)
	w.try("sample")
	w.says("#step-sheet", "pallets 200")
	w.click("#profile")
	w.until("document.getElementById('profile-dialog').open")
	if text := value[string](w, "document.getElementById('profile-text').value"); text != string(profile.Default().TOML()) {
		t.Errorf("the editor shows\n%.300s", text)
	}
	write := func(text string) {
		t.Helper()
		w.run(fmt.Sprintf("document.getElementById('profile-text').value = %q", text))
		w.click("#profile-tools .primary")
	}
	write("[pallets]\n\ncube = 0\nfinal = 1\n")
	w.until("document.querySelectorAll('#profile-tools .error li').length === 2")
	w.says("#profile-tools .error", "Line 3: pallets.cube must be more than 0", `Line 4: there is no setting "pallets.final"`)
	if at := value[string](w, "((e) => e.value.slice(e.selectionStart, e.selectionEnd))(document.getElementById('profile-text'))"); at != "cube = 0" {
		t.Errorf("selected is %q", at)
	}
	write("[pallets]\ncube = 40\n")
	w.until("document.querySelector('#profile-tools .hint')")
	w.says("#profile-tools", "Saved.", "The bills that are here keep the profile")
	w.run("document.querySelector('#profile-tools .again button').click()")
	w.until("document.querySelector('#profile-tools .hint')?.textContent.startsWith('12 bills read again')")
	w.says("#profile-tools", "12 bills read again by the new profile.")

	// Another tab saved meanwhile.
	other := p.beside(w)
	other.until(joined)
	other.click("#profile")
	other.until("document.getElementById('profile-dialog').open")
	write("[pallets]\ncube = 41\n")
	w.until("document.querySelector('#profile-tools .hint')?.textContent.startsWith('Saved')")
	other.click("#profile-tools .primary")
	other.until("document.querySelector('#profile-tools .error')")
	other.says("#profile-tools", "Somebody else saved the profile meanwhile.")
	other.run("[...document.querySelectorAll('#profile-tools button')].find((b) => b.textContent === 'Load the newest').click()")
	other.until("document.getElementById('profile-text').value.includes('cube = 41')")
}

func TestTheBarsOfRoutingFilterTheSheet(t *testing.T) {
	_, w := opened(t)
	w.try("sample")
	w.click("#tab-routing")
	w.until("document.querySelector('.groupbar')")
	type group struct {
		Name  string
		Lines int
	}
	v := value[[]group](w, `fetch('view').then((r) => r.json()).then(({ sheet }) => sheet.routing.groups.map((g) => ({
		name: g.values[0], lines: sheet.rows.filter((r) => g.parts.some((p) => p.bills.includes(r.bill))).length })))`)
	if n := value[int](w, "document.querySelectorAll('.groupbar').length"); n != len(v) || n == 0 {
		t.Fatalf("%d bars of %d groups", n, len(v))
	}
	w.says(".routing tfoot", "200 pallets")
	w.run("document.querySelectorAll('.groupbar')[1].click()")
	w.until("document.querySelector('.only:not([hidden])')")
	w.says(".only", v[1].Name)
	w.says("#panel-sheet .found", fmt.Sprintf("%d of 60 rows", v[1].Lines))
	w.click(".only button")
	w.until("document.querySelector('#panel-sheet .found').textContent === '60 rows'")
}

// The table shows the columns that the profile chooses, under its headings, with its
// constants, as the files have them.
func TestTheTableHasTheColumnsOfTheProfile(t *testing.T) {
	p, w := opened(t)
	w.run(`window.put = fetch("profile", { method: "PUT", headers: { "Content-Type": "application/toml", "If-Match": "*" }, body:
		'[sheet]\ncolumns = ["Style", "Cartons", "Dock"]\n[sheet.headings]\n"Cartons" = "Boxes"\n[sheet.constants]\n"Dock" = "7 B"\n' }).then((r) => { window.saved = r.status; })`)
	w.until("window.saved === 200")
	w.load(p.shipment(small, ""))
	w.grid()
	if got := value[string](w, "[...document.querySelectorAll('.gridhead .cell')].map((c) => c.innerText.trim()).join('|')"); got != "#|Invoice No.|Style|Boxes|Dock" {
		t.Errorf("the headings are %q", got)
	}
	w.says(".gridrow", "7 B")
}
