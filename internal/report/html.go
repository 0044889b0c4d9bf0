package report

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"io"

	"tallyman/internal/fault"
)

//go:embed report.css
var style string

//go:embed report.html
var source string

var page = template.Must(template.New("report").Parse(source))

// Style is the source of the page's style for a Content-Security-Policy: the page needs
// nothing else.
var Style = func() string {
	sum := sha256.Sum256([]byte(style))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}()

func (r *Report) writeHTML(w io.Writer) error {
	err := page.Execute(w, struct {
		*Report
		Style template.CSS
	}{r, template.CSS(style)})
	if err != nil {
		return fault.New(fault.Unwritable, "the report could not be written: %w", err)
	}
	return nil
}
