// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunbookSource
import RunbookYAML
import TestSupport
import Testing

@Suite struct YAMLDocumentTests {
    @Test func `every key and value knows both its ends`() throws {
        let source = MarkedSource(
            """
            # comment
            ❶runbook❶: ❷drain a broker❷   # why
            steps:
              ❸- id: ❹"one"❹
                list: ❺[a,  b]❺

              # in between
              - ❻id: 'two'
                nothing:❼
                text: ❽>-
                  folded
                  text❽❻❸


            # the end
            last: ❾{ k: ❿é❿ }❾
            """
        )
        let document = YAMLDocument.parse(source.file)
        #expect(document.diagnostics == [])
        let root = try #require(document.root)
        let first = try #require(root.mapping?.first)
        #expect(first.key.span == source["❶"])
        #expect(first.value.span == source["❷"])
        let steps = try #require(root["steps"])
        #expect(steps.span == source["❸"])
        #expect(steps[0]?["id"]?.span == source["❹"])
        #expect(steps[0]?["list"]?.span == source["❺"])
        #expect(steps[1]?.span == source["❻"])
        #expect(steps[1]?["nothing"]?.span == source["❼"])
        #expect(steps[1]?["nothing"]?.isNull == true)
        #expect(steps[1]?["text"]?.span == source["❽"])
        #expect(steps[1]?["text"]?.scalar?.text == "folded text")
        #expect(root["last"]?.span == source["❾"])
        #expect(root["last"]?["k"]?.span == source["❿"])
        #expect(first.span.start == source["❶"].start && first.span.end == source["❷"].end)
    }

    @Test(arguments: ["", "\u{FEFF}"], ["\n", "\r\n"])
    func `positions agree with the file's own, whatever the line ends`(mark: String, newline: String) throws {
        let text = "é: 数据\nb: |\n  x é\n\n\nlist:\n- 👩‍🚒: \"q\"\n- [é, é, {é: 1}]\nlast: x"
        let source = SourceFile(path: "p", text: mark + text.replacing("\n", with: newline))
        let document = YAMLDocument.parse(source)
        #expect(document.diagnostics == [])
        var texts: [String] = []
        func visit(_ node: YAMLNode) {
            for place in [node.span.start, node.span.end] {
                #expect(place == source.position(atUTF8Offset: place.offset))
            }
            switch node.kind {
            case .scalar: texts.append(source.text(of: node.span))
            case .sequence(let nodes): nodes.forEach(visit)
            case .mapping(let pairs):
                for pair in pairs {
                    texts.append(source.text(of: pair.key.span))
                    visit(pair.value)
                }
            }
        }
        visit(try #require(document.root))
        #expect(
            texts == [
                "é", "数据", "b", "|\(newline)  x é", "list", "👩‍🚒", "\"q\"", "é", "é", "é", "1", "last", "x",
            ]
        )
    }

    @Test func `anchors belong to no span, and aliases bring values in`() throws {
        let source = MarkedSource(
            """
            a: &one ❶text❶
            b: &two
              ❷k: v❷
            c: &three ❸[x]❸
            d: [❹*one❹, *two, *three]
            e: &four
            f: 1
            """
        )
        let document = YAMLDocument.parse(source.file)
        #expect(document.diagnostics == [])
        let root = try #require(document.root)
        #expect(root["a"]?.span == source["❶"])
        #expect(root["b"]?.span == source["❷"])
        #expect(root["c"]?.span == source["❸"])
        #expect(root["d"]?[0]?.scalar?.text == "text")
        #expect(root["d"]?[0]?.span == source["❶"])
        #expect(root["d"]?[0]?.alias == source["❹"])
        #expect(root["d"]?[1]?["k"]?.scalar?.text == "v")
        #expect(root["e"]?.isNull == true && root["e"]?.span.start.line == 6)
        #expect(root["f"]?.scalar?.resolved == .int(1))
    }

    @Test func `merge keys fill in what a mapping lacks, one level deep`() throws {
        let text = """
            base: &base { a: 1, deep: { x: 1, y: 2 } }
            more: &more { a: 2, b: 2 }
            one: { <<: *base, deep: { x: 9 } }
            list: { <<: [*more, *base], c: 3 }
            """
        let document = YAMLDocument.parse(SourceFile(path: "c", text: text), features: .configuration)
        #expect(document.diagnostics == [])
        let root = try #require(document.root)
        #expect(root["one"]?.mapping?.map(\.key.text) == ["deep", "a"])
        #expect(root["one"]?["deep"]?["y"] == nil)
        #expect(root["list"]?.mapping?.map(\.key.text) == ["c", "a", "b", "deep"])
        #expect(root["list"]?["a"]?.scalar?.text == "2")
    }

    @Test func `a document may be marked as one, and say its version`() {
        for text in ["---\na: 1\n", "a: 1\n...\n# bye\n", "# c\n%YAML 1.2 # v\n---\na: 1", "--- {a: 1}\n...\n\n"] {
            let document = YAMLDocument.parse(SourceFile(path: "d", text: text))
            #expect(document.diagnostics == [], "\(text)")
            #expect(document.root?["a"]?.scalar?.text == "1")
        }
    }

    @Test func `kinds have names for messages`() throws {
        let document = YAMLDocument.parse(SourceFile(path: "k", text: "[1, x, true, ~, [], {}]"))
        let nodes = try #require(document.root?.sequence)
        #expect(nodes.map(\.kindName) == ["a number", "text", "a boolean", "nothing", "a list", "a mapping"])
    }
}
