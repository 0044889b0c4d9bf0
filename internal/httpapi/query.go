package httpapi

import (
	"errors"
	"net/url"
	"strings"

	"tallyman/internal/fault"
)

// parseQuery parses the query of the URL. A malformed query is an error, except for the
// echo, which shows it.
func (c *call) parseQuery() error {
	values, err := parseValues(c.r.URL.RawQuery)
	c.values = values
	if err != nil && (!c.route.reads || c.query("_action") != "") {
		return fault.New(fault.BadRequest, "the query of the URL is not well-formed: %w; write a percent sign as %%25", err)
	}
	return nil
}

// parseValues parses the pairs of a query or form. A semicolon is a character like any
// other, which url.ParseQuery refuses. Pairs that cannot be decoded stay as they are,
// and cause an error.
func parseValues(text string) (url.Values, error) {
	values := url.Values{}
	var failed error
	decode := func(s string) string {
		plain, err := url.QueryUnescape(s)
		if err != nil {
			failed = errors.New("it has a percent sign without two hexadecimal digits after it")
			return s
		}
		return plain
	}
	for pair := range strings.SplitSeq(text, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name = decode(name)
		values[name] = append(values[name], decode(value))
	}
	return values, failed
}
