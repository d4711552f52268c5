"""A live surprisal map of the HAADF channel. Paste it into Swift's Run Script window while a scan runs."""


def script_main(api_broker):
    library = api_broker.get_api(version="~1.0").library
    live = next(item for item in library.data_items if "HAADF" in item.title and "Subscan" not in item.title)
    target = library.create_data_item("Surprisal of HAADF")
    inputs = {"src": live, "settings": "{}"}  # e.g. '{"backbone": "classical"}' where there is no torch
    library.create_computation("deepscan.surprisal", inputs=inputs, outputs={"map": target})
