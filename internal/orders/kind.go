package orders

import (
	"regexp"
	"slices"
	"strings"

	"tallyman/internal/orders/grid"
)

// The kinds of texts that are read, besides CSV.
const (
	xmlWorkbook = "a workbook in XML"
	htmlPage    = "an HTML page"
)

// textKind returns the kind of a text that is not a CSV, "" if it shows none. Web
// systems often export such files under the name .xls or .csv.
func textKind(text string) string {
	head := strings.ToLower(strings.TrimLeftFunc(text[:min(len(text), 4096)], grid.Blank))
	isXML := strings.HasPrefix(head, "<?xml") || strings.HasPrefix(head, "<!--")
	switch {
	case strings.HasPrefix(head, "mime-version:"):
		return "a web archive (MHTML), whatever its name says"
	case !strings.HasPrefix(head, "<"):
		return ""
	case containsAny(head, "urn:schemas-microsoft-com:office:spreadsheet") && !containsAny(head, "<html", "<!doctype html"),
		containsAny(head, "<office:document") && containsAny(head, "urn:oasis:names:tc:opendocument"):
		return xmlWorkbook
	case isXML && !containsAny(head, "<html", "<!doctype html", "<table"):
		return "an XML document"
	case isXML, containsAny(head, "<!doctype html", "<html", "<head", "<body", "<meta", "<table", "<tr", "<style", "<script", "<div", "<font", "<center"):
		return htmlPage
	}
	return ""
}

// declaration matches the declaration of the encoding in HTML pages and XML documents.
var declaration = regexp.MustCompile(`(?i)(?:charset|encoding)\s*=\s*["']?\s*([a-z0-9_:.-]+)`)

// declaredCharset returns the single-byte character set that an HTML page or an XML
// document declares, nil if it declares none.
func declaredCharset(data string) *charset {
	if !strings.HasPrefix(strings.TrimLeftFunc(data[:min(len(data), 4096)], grid.Blank), "<") {
		return nil
	}
	m := declaration.FindStringSubmatch(data[:min(len(data), 4096)])
	if m == nil {
		return nil
	}
	return byLabel(m[1])
}

func containsAny(s string, subs ...string) bool {
	return slices.ContainsFunc(subs, func(sub string) bool { return strings.Contains(s, sub) })
}
