// SPDX-License-Identifier: Apache-2.0
// go run get.go URL CERT: a GET that trusts the verified certificate and nothing else.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net/http"
	"os"
)

func main() {
	log.SetFlags(0)
	pem, err := os.ReadFile(os.Args[2])
	pool := x509.NewCertPool()
	if err != nil || !pool.AppendCertsFromPEM(pem) {
		log.Fatal("no certificate: ", os.Args[2])
	}
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13},
	}}
	answer, err := client.Get(os.Args[1])
	if err != nil {
		log.Fatal("refused: ", err)
	}
	defer answer.Body.Close()
	if _, err = io.Copy(os.Stdout, answer.Body); err != nil {
		log.Fatal(err)
	}
}
