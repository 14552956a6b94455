// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunCore
import RunPlan
import RunVocabulary
import TestSupport
import Testing

@testable import WorldAdapters

/// Queries, put to a real Prometheus and to servers that say they are one.
@Suite struct PrometheusProbeTests {
    private static func look(
        _ query: String,
        at url: String,
        timeout: Milliseconds = .minutes(5)
    ) async throws -> [String: Fact] {
        try await ProbeBench.look(.prometheus(PrometheusQuestion(url: url, query: query)), timeout: timeout)
    }

    @Test func `a real Prometheus answers`() async throws {
        try await ProbeBench.inFolder { folder in
            let configuration = "\(folder)/prometheus.yml"
            try "scrape_configs: []\n".write(toFile: configuration, atomically: true, encoding: .utf8)
            let port = try TestServer.freePort()
            let options = [
                "--config.file=\(configuration)", "--storage.tsdb.path=\(folder)/data",
                "--web.listen-address=127.0.0.1:\(port)", "--web.external-url=http://127.0.0.1:\(port)/metrics/",
            ]
            try await ProbeBench.serving(port, "/usr/bin/prometheus", options) {
                let url = "http://127.0.0.1:\(port)/metrics/"
                // It listens before it is ready, and says so with a 503.
                let end = ContinuousClock.now + .seconds(300)
                while try await Self.look("1", at: url)["value"] == nil, ContinuousClock.now < end {
                    try await Task.sleep(for: .milliseconds(20))
                }
                let scalar = try await Self.look("1.5 + 1", at: url)
                #expect(scalar["answered"] == .bool(true) && scalar["value"] == .double(2.5), "\(scalar)")
                #expect(scalar["problem"] == .string(""))

                let labelled = try await Self.look(#"label_replace(vector(7), "a b&c=d", "x", "", "")"#, at: url)
                #expect(labelled["value"] == nil && labelled.problemText.contains("a b&c=d"), "\(labelled)")

                let one = try await Self.look(#"label_replace(vector(7), "dc", "ä%+&#", "", "")"#, at: url)
                #expect(one["value"] == .double(7), "\(one)")
                #expect(one["values"] == .samples([Fact.Sample(labels: ["dc": "ä%+&#"], value: 7)]))

                let two = try await Self.look(
                    #"label_replace(vector(1), "n", "a", "", "") or label_replace(vector(2), "n", "b", "", "")"#,
                    at: url
                )
                #expect(two["value"] == .unknown("the query gives 2 series instead of one"), "\(two)")
                guard case .samples(let samples) = two["values"] else {
                    Issue.record("\(two)")
                    return
                }
                #expect(samples.map(\.value).sorted() == [1, 2])

                let none = try await Self.look("vector(1) > 2", at: url)
                #expect(none["values"] == .samples([]) && none["problem"] == .string(""), "\(none)")
                #expect(none["value"] == .unknown("the query gives 0 series instead of one"))

                let endless = try await Self.look("vector(1) / 0", at: url)
                #expect(endless["value"] == .double(.infinity), "\(endless)")
                guard case .double(let nothing) = try await Self.look("vector(0) / 0", at: url)["value"] else {
                    Issue.record("no number came")
                    return
                }
                #expect(nothing.isNaN)

                let wrong = try await Self.look("sum(", at: url)
                #expect(wrong["answered"] == .bool(true) && wrong["value"] == nil, "\(wrong)")
                #expect(wrong.problemText.hasPrefix("bad_data: "))
                let range = try await Self.look("vector(1)[5m:1m]", at: url)
                #expect(range.problemText.contains("matrix"), "\(range)")
            }
        }
    }

    // Goal: nothing that a server sends is taken for a number that it is not.
    @Test(arguments: [
        "", "{}", "[]", "null", "<html>", #"{"status":"success"}"#, #"{"status":"success","data":{}}"#,
        #"{"status":"success","data":{"resultType":"vector","result":5}}"#,
        #"{"status":"success","data":{"resultType":"vector","result":[{}]}}"#,
        #"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,2]}]}}"#,
        #"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"x"]}]}}"#,
        #"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1]}]}}"#,
        #"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"histogram":[1,{}]}]}}"#,
        #"{"status":"success","data":{"resultType":"scalar","result":["1"]}}"#,
        #"{"status":"success","data":{"resultType":"string","result":[1,"7"]}}"#,
        #"{"status":"error","errorType":"timeout","error":"query timed out"}"#,
        "{\"status\":" + String(repeating: "[", count: 100_000),
    ])
    func `an answer of another form tells no number`(body: String) async throws {
        let server = try ScriptedServer { connection, _ in
            while connection.request() != nil { connection.answer("200 OK", body: body) }
        }
        defer { server.stop() }
        let facts = try await Self.look("up", at: "http://127.0.0.1:\(server.port)")
        #expect(facts["answered"] == .bool(true), "\(facts)")
        #expect(facts["value"] == nil && facts["values"] == nil)
        #expect(!facts.problemText.isEmpty && facts.problemText.count < 700)
    }

    @Test func `the query arrives as it was written, and too many series are refused`() async throws {
        let entry = #"{"metric":{"a":"b"},"value":[1,"1"]}"#
        let server = try ScriptedServer { connection, _ in
            while let request = connection.request() {
                let isRight =
                    request.head.first
                    == "GET /x/api/v1/query?query=up%7Ba%3D%22%C3%A4%20%26%22%7D&timeout=300000ms HTTP/1.1"
                let count = isRight ? PrometheusAnswer.seriesLimit + 1 : 0
                let list = Array(repeating: entry, count: count).joined(separator: ",")
                let body = #"{"status":"success","data":{"resultType":"vector","result":[\#(list)]}}"#
                connection.answer("200 OK", body: body)
            }
        }
        defer { server.stop() }
        let facts = try await Self.look(#"up{a="ä &"}"#, at: "http://127.0.0.1:\(server.port)/x/")
        #expect(facts.problemText.contains("1001 series"), "\(facts)")
        #expect(facts["values"] == nil)
    }

    @Test func `an endless answer ends, silence is unknown, and a refused connection is not`() async throws {
        let endless = try ScriptedServer { connection, _ in
            guard connection.request() != nil else { return }
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
            for _ in 0..<40 { connection.send(Array(repeating: 0x20, count: 1 << 16)) }
        }
        defer { endless.stop() }
        let long = try await Self.look("up", at: "http://127.0.0.1:\(endless.port)")
        #expect(long["value"] == nil && !long.problemText.isEmpty, "\(long)")

        let silent = try ScriptedServer { connection, _ in connection.waitUntilClosed() }
        defer { silent.stop() }
        let url = "http://127.0.0.1:\(silent.port)"
        let nothing = try await Self.look("up", at: url, timeout: Milliseconds(300))
        #expect(nothing["answered"] == nil && !nothing.problemText.isEmpty, "\(nothing)")

        try await ProbeBench.withClosedPort { port in
            let facts = try await Self.look("up", at: "http://127.0.0.1:\(port)")
            #expect(facts["answered"] == .bool(false) && facts["problem"] == .string("connection refused"), "\(facts)")
        }
        for url in ["ftp://a", "prometheus:9090", "http://a?b", "http://a#b"] {
            let facts = try await Self.look("up", at: url)
            #expect(facts["answered"] == nil && facts.problemText.contains("no address of HTTP"), "\(facts)")
        }
    }
}
