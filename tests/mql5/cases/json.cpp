// Json.mqh
namespace mql5::cases {

static bool Parses(const char *text) {
  program::CJson json;
  return json.Parse(string(text));
}

CASE("json: numbers, texts, flags and null are read") {
  program::CJson json;
  CHECK(json.Parse(string(" {\"a\": -1.5e2 , \"b\":\"x\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u00E9\", \"c\":true,\"d\":false,\"e\":null,\"f\":{\"a\":[1,{}]},\"g\":[]}\r\n")));
  double number = 0;
  string text;
  bool flag = false;
  CHECK(json.Number("a", number) && number == -150.0);
  CHECK(json.Text("b", text));
  EQUAL(text, string("x\"\\/\b\f\n\r\té\u00e9"));
  CHECK(json.Flag("c", flag) && flag);
  CHECK(json.Flag("d", flag) && !flag);
  EQUAL(json.Kind("e"), program::JSON_NULL);
  EQUAL(json.Kind("f"), program::JSON_NESTED);
  EQUAL(json.Kind("none"), program::JSON_BROKEN);
}

CASE("json: a value of another kind is not converted") {
  program::CJson json;
  double number = 7;
  string text;
  bool flag = false;
  CHECK(json.Parse(string("{\"n\":\"77\",\"t\":5,\"f\":1,\"z\":null}")));
  CHECK(!json.Number("n", number) && number == 7);
  CHECK(!json.Text("t", text) && !json.Flag("f", flag) && !json.Number("z", number) && !json.Number("missing", number));
}

CASE("json: a name inside a nested object or a text is not the top level's") {
  program::CJson json;
  double number = 0;
  CHECK(json.Parse(string("{\"x\":{\"market_range\":9},\"s\":\"\\\"market_range\\\": 8\",\"market_range\":4321.25}")));
  CHECK(json.Number("market_range", number) && number == 4321.25);
}

CASE("json: what is not strict JSON is refused") {
  for (const char *text : {"", "[]", "1", "{", "{}x", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{\"a\":01}", "{\"a\":-}", "{\"a\":1.}", "{\"a\":.5}",
                           "{\"a\":1e}", "{\"a\":+1}", "{\"a\":NaN}", "{\"a\":Infinity}", "{\"a\":nul}", "{\"a\":tru}", "{\"a\":falsy}", "{\"a\":'x'}",
                           "{\"a\":\"x}", "{\"a\":\"\\x\"}", "{\"a\":\"\\u12g4\"}", "{\"a\":\"\n\"}", "{\"a\":[1,]}", "{\"a\":[1}", "{\"a\":1 \"b\":2}",
                           "{\"a\":1,\"a\":2}", "{\"a\":12x4}", "{\"a\":0x10}", "{\"a\":{\"b\":1]}"})
    if (Parses(text)) Fail(__FILE__, __LINE__, std::string("accepted ") + text);
  CHECK(Parses("{}"));
}

CASE("json: an error names the place") {
  program::CJson json;
  CHECK(!json.Parse(string("{\"a\":tree}")));
  HOLDS(json.Error().utf8(), "not a value at letter 5");
  CHECK(!json.Parse(string("{\"a\":1 2}")));
  HOLDS(json.Error().utf8(), "} is missing");
}

CASE("json: length, depth, members and digits are bounded") {
  program::CJson json;
  CHECK(!json.Parse(string("{\"a\":\"" + std::string(70'000, 'x') + "\"}")));
  HOLDS(json.Error().utf8(), "longer than allowed");
  CHECK(!json.Parse(string("{\"a\":" + std::string(60'000, '['))));
  HOLDS(json.Error().utf8(), "nested too deeply");
  std::string many = "{";
  for (int at = 0; at < 65; ++at) many += (at ? ",\"" : "\"") + std::to_string(at) + "\":1";
  CHECK(!json.Parse(string(many + "}")));
  HOLDS(json.Error().utf8(), "too many members");
  CHECK(!json.Parse(string("{\"a\":" + std::string(33, '1') + "}")));
  double number = 0;
  CHECK(json.Parse(string("{\"a\":1e999}")) && !json.Number("a", number));
}

CASE("json: text is quoted so that it reads back") {
  const string text("a\"b\\c\td");
  program::CJson json;
  string back;
  CHECK(json.Parse(string("{\"t\":") + program::JsonQuoted(text) + string("}")) && json.Text("t", back));
  EQUAL(back, text);
}

}  // namespace mql5::cases
