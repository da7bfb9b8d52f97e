defmodule StdlibTimeTest do
  use LibraryCase, standard_library: "times"

  test "dates and times arrive as Elixir's, and go back" do
    assert call!("datetime", "date", [2024, 2, 29]) == ~D[2024-02-29]
    assert call!("datetime", "time", [12, 30, 15, 500]) == ~T[12:30:15.000500]
    assert call!("datetime", "datetime", [2024, 2, 29, 12]) == ~N[2024-02-29 12:00:00]
    assert call!("datetime", "datetime.strptime", ["29.02.2024", "%d.%m.%Y"]) == ~N[2024-02-29 00:00:00]
    assert call!("datetime", "date.isoformat", [~D[2024-02-29]]) == "2024-02-29"
    assert call!("datetime", "date.strftime", [~D[2024-02-29], "%A"]) == "Thursday"
    assert call!("calendar", "monthrange", [2024, 2], [], as: :value) == {3, 29}
    assert {:error, %{class: "ValueError"}} = call("datetime", "date", [2024, 2, 30])
  end

  test "durations" do
    duration = call!("datetime", "timedelta", [], days: 1, seconds: 30)
    assert %{day: 1, second: 30} = duration
    assert call!("operator", "add", [~D[2024-02-28], duration]) == ~D[2024-02-29]
    assert call!("datetime", "timedelta.total_seconds", [duration]) == 86_430.0
    assert call!("operator", "sub", [~D[2024-03-01], ~D[2024-02-28]]).day == 2
  end

  test "zones" do
    zurich = call!("zoneinfo", "ZoneInfo", ["Europe/Zurich"])
    summer = call!("datetime", "datetime", [2024, 7, 1, 12], tzinfo: zurich)
    assert %DateTime{hour: 12, utc_offset: 7200, time_zone: "Europe/Zurich"} = summer
    assert DateTime.to_unix(summer) == 1_719_828_000

    moment = call!("datetime", "datetime", [2024, 7, 1, 12], [tzinfo: zurich], as: :ref)
    assert moment.tzname() == "CEST"
    utc = get!("datetime", "timezone.utc")
    assert moment.astimezone(utc) == ~U[2024-07-01 10:00:00Z]
    assert moment.dst().total_seconds() == 3600.0
    # Comparisons between a moment of Python and one of Elixir.
    assert moment == ~U[2024-07-01 10:00:00Z]
    assert moment < ~U[2024-07-01 10:00:01Z]
    assert call!("datetime", "datetime.timestamp", [~U[2024-07-01 10:00:00Z]]) == 1_719_828_000.0
    assert call!("datetime", "datetime.fromtimestamp", [0], tz: utc) == ~U[1970-01-01 00:00:00Z]
    assert {:error, %{class: "ZoneInfoNotFoundError"}} = call("zoneinfo", "ZoneInfo", ["Nowhere/Land"])
  end

  test "a fixed offset has no name of a zone" do
    offset = call!("datetime", "timezone", [call!("datetime", "timedelta", [], hours: 5, minutes: 30)])
    there = call!("datetime", "datetime", [2024, 1, 1, 5, 30], tzinfo: offset)
    assert there.utc_offset == 19_800
    assert DateTime.to_unix(there) == 1_704_067_200
    assert call!("operator", "eq", [there, ~U[2024-01-01 00:00:00Z]]) == true
  end

  test "times out of Elixir's reach stay objects or say so" do
    folded =
      call!(
        "datetime",
        "datetime",
        [2024, 10, 27, 2, 30],
        [fold: 1, tzinfo: call!("zoneinfo", "ZoneInfo", ["Europe/Zurich"])],
        as: :ref
      )

    assert folded.fold == 1
    assert folded.utcoffset().total_seconds() == 3600.0
    assert call!("datetime", "date", [9999, 12, 31]) == ~D[9999-12-31]
    assert {:error, %{class: "ValueError"}} = call("datetime", "date.fromisoformat", ["no"])

    assert {:error, %{class: "TypeError"}} =
             call("operator", "lt", [~N[2024-01-01 00:00:00], ~U[2024-01-01 00:00:00Z]])
  end

  test "clocks" do
    assert_in_delta call!("time", "time"), System.os_time(:second), 60
    assert call!("time", "gmtime", [0]).tm_year == 1970
    assert call!("time", "strftime", ["%Y", call!("time", "gmtime", [0])]) == "1970"
    assert call!("time", "perf_counter_ns") > 0
  end
end
